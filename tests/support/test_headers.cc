// SPDX-License-Identifier: GPL-2.0-only
//
// Nothing: the program that tests' precompiled headers belong to (tests/CMakeLists.txt).
