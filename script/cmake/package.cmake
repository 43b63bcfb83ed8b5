# SPDX-License-Identifier: GPL-2.0-only
#
# `cpack -G DEB`, run in a build folder: the program, its manual pages and completion.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME iommulab)
set(CPACK_PACKAGE_CONTACT "iommulab maintainers <iommulab@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGE_DESCRIPTION
"Boots the driver on simulated machines, shows every register access, table
entry and descriptor, explains DMAR tables and fault messages, and compares
allocators of I/O virtual addresses.")
set(CPACK_RESOURCE_FILE_LICENSE ${CMAKE_SOURCE_DIR}/LICENSE)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL program debian)
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS less)
include(CPack)
