// SPDX-License-Identifier: GPL-2.0-only
//
// QEMU's command lines in each spelling that its own parser takes (util/qemu-option.c,
// softmmu/vl.c, hw/i386/intel_iommu.c and x86-iommu.c of QEMU 7.2 say which).
#include "platform/machine/qemu_arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace iommulab::qemu_arguments_test {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<qemu_arguments> parse(const std::string& rest) {
  return parse_qemu_arguments(
      {"qemu.args", absl::StrCat("qemu-system-x86_64 -m 1G -machine q35 ", rest, "\n")});
}

std::string complaint(const std::string& rest) {
  const auto arguments = parse(rest);
  return arguments.ok() ? "it was read" : std::string(arguments.status().message());
}

/// The one unit that these arguments make.
remapping_unit_config unit(const std::string& rest) {
  const auto arguments = parse(rest);
  EXPECT_TRUE(arguments.ok()) << arguments.status();
  if (!arguments.ok() || arguments->units.size() != 1) {
    ADD_FAILURE() << "no unit, or several: " << rest;
    return {};
  }
  return arguments->units[0];
}

TEST(qemu_arguments, a_unit_has_the_defaults_of_qemu) {
  const remapping_unit_config made = unit("-device intel-iommu");
  EXPECT_EQ(made.base, phys_addr(0xfed90000));
  EXPECT_TRUE(made.ecap.interrupt_remapping());
  EXPECT_TRUE(made.ecap.pass_through());
  EXPECT_FALSE(made.ecap.device_tlb());
  EXPECT_FALSE(made.ecap.extended_interrupt_mode());
  EXPECT_FALSE(made.cap.caching_mode());
  EXPECT_TRUE(made.cap.write_drain());
  EXPECT_EQ(made.cap.max_guest_address_width(), 39u);
}

TEST(qemu_arguments, the_drivers_name_may_stand_behind_its_key_and_anywhere) {
  for (const char* spelling :
       {"-device intel-iommu,caching-mode=on", "--device intel-iommu,caching-mode=on",
        "-device driver=intel-iommu,caching-mode=on", "-device caching-mode=on,driver=intel-iommu",
        "-device 'intel-iommu,caching-mode=on'", "-device \"intel-iommu,caching-mode=on\"",
        "-device intel-iommu,caching-mode", "-device \\\n intel-iommu,caching-mode=on",
        "-device '{\"driver\":\"intel-iommu\",\"caching-mode\":true}'",
        "-device '{\"caching-mode\":\"on\", \"driver\":\"intel-iommu\"}'",
        R"(-device "{\"driver\":\"intel-iommu\",\"caching-mode\":true}")",
        "-global intel-iommu.caching-mode=on -device intel-iommu",
        "-device intel-iommu -global driver=intel-iommu,property=caching-mode,value=on",
        "-device intel-iommu,id=iommu0 -set device.iommu0.caching-mode=on"}) {
    SCOPED_TRACE(spelling);
    const remapping_unit_config made = unit(spelling);
    EXPECT_TRUE(made.cap.caching_mode());
    EXPECT_TRUE(made.ecap.interrupt_remapping());
  }
}

TEST(qemu_arguments, a_switch_has_many_words) {
  for (const char* word : {"on", "yes", "true", "y"}) {
    const auto made =
        unit(absl::StrCat("-device intel-iommu,intremap=", word, ",device-iotlb=", word,
                          ",eim=", word, ",snoop-control=", word));
    EXPECT_TRUE(made.ecap.interrupt_remapping()) << word;
    EXPECT_TRUE(made.ecap.device_tlb()) << word;
    EXPECT_TRUE(made.ecap.extended_interrupt_mode()) << word;
    EXPECT_TRUE(made.ecap.snoop_control()) << word;
  }
  for (const char* word : {"off", "no", "false", "n"}) {
    const auto made = unit(absl::StrCat("-device intel-iommu,intremap=", word, ",pt=", word,
                                        ",dma-drain=", word, ",dma-translation=", word));
    EXPECT_FALSE(made.ecap.interrupt_remapping()) << word;
    EXPECT_FALSE(made.ecap.pass_through()) << word;
    EXPECT_FALSE(made.cap.write_drain()) << word;
    EXPECT_EQ(made.cap.sagaw(), 0u) << word;
  }
  EXPECT_FALSE(unit("-device intel-iommu,nopt").ecap.pass_through());
}

TEST(qemu_arguments, the_last_of_several_values_counts_and_a_devices_own_before_the_global) {
  EXPECT_FALSE(unit("-device intel-iommu,pt=on,pt=off").ecap.pass_through());
  EXPECT_TRUE(unit("-global intel-iommu.pt=off -device intel-iommu,pt=on").ecap.pass_through());
  EXPECT_FALSE(unit("-global x86-iommu.pt=off -device intel-iommu").ecap.pass_through());
}

TEST(qemu_arguments, the_width_has_two_names) {
  for (const char* spelling : {"aw-bits=48", "x-aw-bits=48", "aw-bits=0x30"}) {
    EXPECT_EQ(unit(absl::StrCat("-device intel-iommu,", spelling)).cap.max_guest_address_width(),
              48u);
  }
  EXPECT_EQ(
      unit("-device '{\"driver\":\"intel-iommu\",\"aw-bits\":48}'").cap.max_guest_address_width(),
      48u);
}

TEST(qemu_arguments, what_says_nothing_of_the_unit_passes) {
  EXPECT_TRUE(unit("-device intel-iommu,id=iommu0,bus=pcie.0,addr=0x10,version=0x30,"
                   "x-scalable-mode=off,x-pasid-mode=false -name intel-iommu -display none")
                  .ecap.interrupt_remapping());
}

// The registers as they were measured on QEMU 7.2, and read by a kernel 6.12 there.
TEST(qemu_arguments, scalable_mode) {
  const auto scalable = unit("-device intel-iommu,intremap=on,x-scalable-mode=on");
  EXPECT_EQ(scalable.cap.value(), 0xd2008c22260206u);
  EXPECT_EQ(scalable.ecap.value(), 0x480080f00f4au);
  EXPECT_EQ(unit("-device intel-iommu,x-scalable-mode=on,x-pasid-mode=on").ecap.value(),
            0x490080f00f4au);
}

// x86_iommu_realize() and vtd_decide_config().
TEST(qemu_arguments, automatic_depends_on_where_the_interrupt_controllers_are) {
  const auto with = [](const std::string& rest) {
    return unit("-device intel-iommu " + rest).ecap;
  };
  EXPECT_TRUE(unit("-device intel-iommu,intremap=auto,eim=auto").ecap.interrupt_remapping());
  EXPECT_FALSE(unit("-device intel-iommu,intremap=auto,eim=auto").ecap.extended_interrupt_mode());
  for (const char* kvm : {"-enable-kvm", "--enable-kvm", "-accel kvm", "-machine accel=kvm",
                          "-M q35,accel=kvm:tcg,kernel-irqchip=on"}) {
    EXPECT_FALSE(with(kvm).interrupt_remapping()) << kvm;
  }
  for (const char* split :
       {"-accel kvm,kernel-irqchip=split", "-machine q35,accel=kvm,kernel_irqchip=split",
        "-enable-kvm -machine kernel-irqchip=split"}) {
    EXPECT_TRUE(with(split).interrupt_remapping()) << split;
    EXPECT_TRUE(with(split).extended_interrupt_mode()) << split;
  }
  EXPECT_FALSE(with("-enable-kvm -machine kernel-irqchip=off").extended_interrupt_mode());
  EXPECT_TRUE(with("-enable-kvm -machine kernel-irqchip=off").interrupt_remapping());
  EXPECT_TRUE(unit("-device intel-iommu,x-buggy-eim=on").ecap.extended_interrupt_mode());
  EXPECT_FALSE(
      unit("-device intel-iommu,x-buggy-eim=on,intremap=off").ecap.extended_interrupt_mode());
}

TEST(qemu_arguments, the_machine_may_have_the_unit) {
  for (const char* old : {"-machine iommu=on", "-machine q35,iommu=on", "-M type=q35,iommu",
                          "--machine q35,iommu=true"}) {
    const auto made = unit(old);
    EXPECT_EQ(made.base, phys_addr(0xfed90000)) << old;
    EXPECT_FALSE(made.ecap.interrupt_remapping()) << old;
  }
  EXPECT_EQ(parse("-machine iommu=off")->units.size(), 0u);
  EXPECT_THAT(complaint("-machine q35,iommu=smmuv3"),
              HasSubstr("qemu.args: line 1: -machine is \"q35,iommu=smmuv3\": "));
}

TEST(qemu_arguments, memory_may_have_its_name_and_companions) {
  const auto memory = [](const std::string& value) {
    const auto arguments = parse_qemu_arguments({"qemu.args", "qemu -m " + value});
    return arguments.ok() ? arguments->memory : 0;
  };
  for (const char* spelling :
       {"1G", "1024", "1024M", "size=1G", "1G,slots=2,maxmem=4G", "slots=2,size=1G"}) {
    EXPECT_EQ(memory(spelling), uint64_t{1} << 30) << spelling;
  }
}

TEST(qemu_arguments, an_edu_has_each_spelling_too) {
  for (const char* spelling :
       {"-device edu,bus=pcie.0,addr=4.0,dma_mask=0xff",
        "-device '{\"driver\":\"edu\",\"bus\":\"pcie.0\",\"addr\":\"4.0\",\"dma_mask\":255}'",
        "-device driver=edu,addr=4 -global edu.dma_mask=0xff"}) {
    const auto arguments = parse(spelling);
    ASSERT_TRUE(arguments.ok()) << arguments.status();
    ASSERT_EQ(arguments->edus.size(), 1u) << spelling;
    EXPECT_EQ(arguments->edus[0].devfn, pci_devfn(4, 0)) << spelling;
    EXPECT_EQ(arguments->edus[0].dma_mask, 0xffu) << spelling;
  }
}

TEST(qemu_arguments, a_refusal_names_file_line_argument_and_value) {
  EXPECT_EQ(complaint("-device intel-iommu,caching-mode=perhaps"),
            "qemu.args: line 1: -device is \"intel-iommu,caching-mode=perhaps\": intel-iommu: "
            "caching-mode is \"perhaps\": not on or off");
  EXPECT_THAT(complaint("-device intel-iommu,intremap=perhaps"),
              HasSubstr("intremap is \"perhaps\": not on, off or auto"));
  EXPECT_THAT(complaint("-device intel-iommu,aw-bits=57"),
              HasSubstr("aw-bits is \"57\": not 39 or 48"));
  EXPECT_THAT(complaint("\\\n-device intel-iommu,warp=on"),
              HasSubstr("qemu.args: line 2: -device is \"intel-iommu,warp=on\": intel-iommu: warp "
                        "is \"on\": no such option is modelled"));
  EXPECT_THAT(complaint("-device intel-iommu,x-flts=on"),
              HasSubstr("x-flts is \"on\": the unit does not have this mode"));
  EXPECT_THAT(complaint("-device '{\"driver\":\"intel-iommu\",\"x-flts\":true}'"),
              HasSubstr("x-flts is \"on\": the unit does not have this mode"));
  EXPECT_THAT(complaint("-device intel-iommu,x-pasid-mode=on"),
              HasSubstr("x-pasid-mode needs x-scalable-mode"));
  EXPECT_THAT(complaint("-device intel-iommu,x-scalable-mode=on,dma-drain=off"),
              HasSubstr("x-scalable-mode needs dma-drain"));
  EXPECT_THAT(complaint("-device '{\"driver\":'"), HasSubstr("not a JSON object"));
  EXPECT_THAT(complaint("-device '{\"pt\":true}'"), HasSubstr("it names no driver"));
  EXPECT_THAT(complaint("-device"), HasSubstr("-device is \"-device\": it has no value"));
  EXPECT_THAT(complaint("-device intel-iommu,id=a -set device.a"),
              HasSubstr("-set is \"device.a\": not of the form device.ID.NAME=VALUE"));
  EXPECT_EQ(std::string(parse_qemu_arguments({"qemu.args", "qemu"}).status().message()),
            "qemu.args: line 1: -m is \"\": it is missing");
}

TEST(qemu_arguments, a_second_unit_is_refused_where_it_is_asked_for) {
  EXPECT_EQ(
      complaint("-device intel-iommu -device intel-iommu,pt=off"),
      "qemu.args: line 1: -device is \"intel-iommu,pt=off\": a second intel-iommu: both would "
      "have their registers at 0xfed90000, and QEMU has one");
}

}  // namespace
}  // namespace iommulab::qemu_arguments_test
