# SPDX-License-Identifier: GPL-2.0-only
"""Run by gdb behind script/gdb/iommulab.py, on sample.cc's program."""

import re
import sys

import gdb


def shown(command):
    return re.sub(r"^\$\d+ = ", "", gdb.execute(command, to_string=True).strip())


def expect(command, wanted):
    seen = shown(command)
    if seen == wanted or (hasattr(wanted, "search") and wanted.search(seen)):
        return
    print("%s\n  shows  %s\n  wanted %s" % (command, seen, wanted))
    gdb.execute("kill")
    sys.exit(1)


gdb.execute("set pagination off")
gdb.execute("set confirm off")
gdb.execute("break look")
gdb.execute("run", to_string=True)

expect("print all.address", "0x3ffdd000")
expect("print all.bus_address", "0xfffff123")
expect("print all.frame", "0x1234")
expect("print all.domain", "17")
expect("print all.source", "0000:00:1f.2")
expect("print all.free_lock", "unlocked")
expect("print all.held_lock", "locked")
expect("print all.no_units", "0 dmar_drhd_unit")
expect("print drv.dmar_drhd_units", re.compile(
    r"^2 dmar_drhd_unit = \{.*reg_base_addr = 0xfed90000.*reg_base_addr = 0xfed91000", re.S))
expect("print all.memberships", re.compile(
    r"^3 device_domain_info = \{.*bus = 5.*bus = 6.*bus = 7", re.S))
# Three nodes that come in ascending order: the second becomes the root.
expect("print all.tree", re.compile(
    r'^tree of 3 iova = \{"?0x10-0x13, depth 1, red"?, "?0x20-0x23, depth 0, black"?, '
    r'"?0x30-0x33, depth 1, red"?\}$'))

# By the kernel's names, which the frame does not have.
expect("print g_num_of_iommus", "2")
expect("print dmar_drhd_units", re.compile(r"^2 dmar_drhd_unit = \{.*links", re.S))
expect("print iommu->seq_id", "0")
expect("print drhd->iommu->seq_id", "0")
expect("print *iommu", re.compile(r"^\{.*seq_id = 0", re.S))
expect("print $iommu(1)->seq_id", "1")
expect("print $drhd(1)->reg_base_addr", "0xfed91000")
expect("print *drv", re.compile(r"g_num_of_iommus = 2"))  # a reference here, a pointer there
expect("ptype dmar_drhd_unit", re.compile(r"intel_iommu \*iommu;"))

gdb.execute("kill")
print("ALL PRINTERS RIGHT")
