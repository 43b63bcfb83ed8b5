# SPDX-License-Identifier: GPL-2.0-only
"""gdb: shows iommulab's lists, trees and strong types as what they hold, and finds by the kernel's
name what the port keeps elsewhere. script/debug loads it."""

import re

import gdb
import gdb.printing

# ---- strong types ---------------------------------------------------------------------------------


class strong_number:
    """phys_addr, dma_addr, pfn_t as hexadecimal; domain_id as the kernel prints it."""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        base = self.value
        while not any(f.name == "value_" for f in base.type.fields()):
            base = base[base.type.fields()[0]]
        number = int(base["value_"])
        return str(number) if "domain_id_tag" in str(base.type.strip_typedefs()) else hex(number)


class source_id:
    """0000:00:1f.2"""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        devfn = int(self.value["devfn"])
        return "%04x:%02x:%02x.%d" % (
            int(self.value["segment"]), int(self.value["bus"]), devfn >> 3, devfn & 7)


class spin_lock:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        byte = self.value["taken_"].address.cast(gdb.lookup_type("unsigned char").pointer())
        return "locked" if int(byte.dereference()) else "unlocked"


class register_value:
    """A wrapper over one integer: CAP, ECAP, an entry's word."""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        return hex(int(self.value[self.value.type.fields()[0]]))


class list_hook:
    """A list's links in an element of it."""

    def __init__(self, value):
        pass

    def to_string(self):
        return "links"


class function:
    """std::function, of which only this is worth a line."""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        return "set" if int(self.value["_M_manager"]) else "empty"


# ---- containers -----------------------------------------------------------------------------------


class intrusive_list:
    """boost::intrusive::list with a base hook, of which an object may have several: the list's tag
    says which."""

    def __init__(self, value):
        self.value = value
        while not str(value.type.strip_typedefs().unqualified()).startswith(
                "boost::intrusive::list_impl<"):
            value = value[value.type.fields()[0]]
        self.list = value
        traits = value.type.strip_typedefs().template_argument(0).strip_typedefs()
        self.element = traits.template_argument(0).strip_typedefs()
        self.tag = str(traits.template_argument(3).strip_typedefs())

    def holder(self, base=None):
        """The base class of the element that is this list's hook."""
        for field in (base or self.element).fields():
            if not field.is_base_class:
                continue
            kind = field.type.strip_typedefs()
            if str(kind).startswith("boost::intrusive::node_holder<"):
                if str(kind.template_argument(1).strip_typedefs()) == self.tag:
                    return kind
            elif (found := self.holder(kind)) is not None:
                return found
        return None

    def elements(self):
        header = self.list["data_"]["root_plus_size_"]["m_header"].address
        holder = self.holder().pointer()
        node_type = header.dereference()["next_"].type
        end = int(header.cast(gdb.lookup_type("unsigned long")))
        node = header.dereference()["next_"]
        while int(node) not in (0, end):
            # Not a cast between relatives: the plain node may be a base of the element twice.
            hook = gdb.Value(int(node)).cast(holder)
            yield hook.cast(self.element.pointer()).dereference()
            node = node.cast(node_type).dereference()["next_"]

    def to_string(self):
        count = sum(1 for _ in self.elements())
        return "%d %s" % (count, self.element.name.split("::")[-1])

    def children(self):
        for i, element in enumerate(self.elements()):
            yield "[%d]" % i, element

    def display_hint(self):
        return "array"


class range_tree:
    """The red-black tree of struct iova, in ascending order, each with its depth and colour."""

    def __init__(self, value):
        self.anchor = value["anchor_"]

    def nodes(self):
        anchor = int(self.anchor.address)
        node = self.anchor["next"]
        while int(node) not in (0, anchor):
            yield node.dereference()
            node = node["next"]

    def depth(self, node):
        depth = 0
        at = node["parent"]
        while int(at) != int(self.anchor.address):
            depth += 1
            at = at["parent"]
        return depth

    def to_string(self):
        return "tree of %d iova" % sum(1 for _ in self.nodes())

    def children(self):
        for i, node in enumerate(self.nodes()):
            yield "[%d]" % i, "%s-%s, depth %d, %s" % (
                hex(int(node["pfn_lo"])), hex(int(node["pfn_hi"])), self.depth(node),
                "red" if bool(node["red"]) else "black")

    def display_hint(self):
        return "array"


def printers():
    collection = gdb.printing.RegexpCollectionPrettyPrinter("iommulab")
    add = collection.add_printer
    add("strong_number", r"^iommulab::strong_(number|address)<", strong_number)
    add("source_id", r"^iommulab::source_id$", source_id)
    add("spin_lock", r"^iommulab::spin_lock$", spin_lock)
    add("register_value", r"^iommulab::vtd::(cap|ecap)_register$", register_value)
    add("list_hook", r"^boost::intrusive::list_base_hook<", list_hook)
    add("function", r"^std::function<", function)
    add("intrusive_list", r"^boost::intrusive::list(_impl)?<", intrusive_list)
    add("range_tree", r"^iommulab::range_tree$", range_tree)
    return collection


gdb.printing.register_pretty_printer(None, printers(), replace=True)

# ---- the kernel's names ---------------------------------------------------------------------------


def driver():
    """The driver's state, from the nearest frame that has it."""
    frame = gdb.selected_frame()
    while frame is not None:
        for name in ("drv", "dmar", "driver"):
            try:
                value = frame.read_var(name)
            except ValueError:
                continue
            return value.referenced_value() if value.type.code == gdb.TYPE_CODE_REF else value
        frame = frame.older()
    raise gdb.GdbError("no frame of the driver is on the stack: break in one of its functions")


def units():
    """The elements of dmar_drhd_units."""
    listed = driver()["dmar_drhd_units"]
    return list(intrusive_list(listed).elements())


class drhd_function(gdb.Function):
    """$drhd(N): the N-th dmar_drhd_unit in the kernel's order, a pointer."""

    def __init__(self):
        super().__init__("drhd")

    def invoke(self, number=0):
        return units()[int(number)].address


class iommu_function(gdb.Function):
    """$iommu(N): the intel_iommu of the N-th dmar_drhd_unit."""

    def __init__(self):
        super().__init__("iommu")

    def invoke(self, number=0):
        return units()[int(number)]["iommu"]


drhd_function()
iommu_function()


def global_of_kernel(name):
    """What the kernel has as a global variable is a member of the driver's state here; `iommu` and
    `drhd`, its loops' variables, are the first unit where a frame has none of its own."""
    if name == "drhd":
        return units()[0].address
    if name == "iommu":
        return units()[0]["iommu"]
    state = driver()
    return state[name]


class print_command(gdb.Command):
    """print, as gdb's own; a name that the frame does not have is looked for in the driver's state
    (g_iommus, si_domain, dmar_drhd_units, …), and a reference can be dereferenced as the kernel's
    pointer can."""

    def __init__(self):
        super().__init__("print", gdb.COMMAND_DATA, gdb.COMPLETE_EXPRESSION)

    def invoke(self, argument, from_tty):
        tried = set()
        while True:
            try:
                gdb.execute("call " + argument, from_tty)
                return
            except gdb.error as error:
                argument = self.mended(argument, str(error), tried)

    @staticmethod
    def mended(argument, message, tried):
        missing = re.match(r'No symbol "(\w+)" in current context', message)
        if missing and missing.group(1) not in tried:
            name = missing.group(1)
            tried.add(name)
            try:
                value = global_of_kernel(name)
            except (gdb.error, gdb.GdbError):
                raise gdb.GdbError(message) from None
            # A list must be looked at in its place: its end is the address of its head.
            in_place = value.address is not None
            gdb.set_convenience_variable("kernel_" + name, value.address if in_place else value)
            place = ("(*$kernel_%s)" if in_place else "$kernel_%s") % name
            return re.sub(r"(?<![\w.$>])%s\b" % name, lambda _: place, argument)
        no_pointer = "operator*" in message or "contents of a non-pointer" in message
        if no_pointer and "*" not in tried:
            tried.add("*")
            return re.sub(r"\*(\w+)", r"*&\1", argument)
        raise gdb.GdbError(message)


print_command()
