/* SPDX-License-Identifier: GPL-2.0-only
 *
 * A program that knows Linux alone: it takes a function through VFIO's group and container, lets it
 * move data and interrupt, and gives it back. Each step that goes well is a line; the first that
 * does not ends the program with 1.
 *
 *     client BDF GROUP
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { page = 4096, iova = 0x100000, huge = 2 << 20, huge_iova = 0x400000 };

/* The registers of QEMU's edu device (docs/specs/edu.txt). */
enum {
	edu_id = 0x00,
	edu_acknowledge = 0x64,
	edu_source = 0x80,
	edu_destination = 0x88,
	edu_count = 0x90,
	edu_command = 0x98,
	edu_buffer = 0x40000,
	to_memory = 2,
	interrupts = 4,
};

static int device;
static uint64_t bar0, config;

static void must(int holds, const char *what)
{
	if (!holds) {
		printf("FAILED: %s (errno %d, %s)\n", what, errno, strerror(errno));
		exit(1);
	}
	printf("%s\n", what);
	fflush(stdout);
}

static uint64_t region(unsigned index)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = index };

	must(ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &info) == 0, "a region");
	return info.offset;
}

static uint32_t reg(uint64_t at)
{
	uint32_t value = 0;

	if (pread(device, &value, sizeof(value), bar0 + at) != sizeof(value))
		must(0, "reading a register");
	return value;
}

static void set_reg(uint64_t at, uint32_t value)
{
	if (pwrite(device, &value, sizeof(value), bar0 + at) != sizeof(value))
		must(0, "writing a register");
}

/* Until the device has moved `count` bytes; it takes 100 ms of the machine's time. */
static void transfer(uint32_t from, uint32_t to, uint32_t count, uint32_t how)
{
	set_reg(edu_source, from);
	set_reg(edu_destination, to);
	set_reg(edu_count, count);
	set_reg(edu_command, 1 | how);
	for (int tries = 0; reg(edu_command) & 1; tries++) {
		if (tries == 2000)
			must(0, "a transfer ends");
		usleep(1000);
	}
}

static int map(int container, void *memory, uint64_t size, uint64_t at)
{
	struct vfio_iommu_type1_dma_map request = {
		.argsz = sizeof(request),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)memory,
		.iova = at,
		.size = size,
	};

	return ioctl(container, VFIO_IOMMU_MAP_DMA, &request);
}

static uint64_t unmap(int container, uint64_t size, uint64_t at)
{
	struct vfio_iommu_type1_dma_unmap request = {
		.argsz = sizeof(request),
		.iova = at,
		.size = size,
	};

	return ioctl(container, VFIO_IOMMU_UNMAP_DMA, &request) == 0 ? request.size : 0;
}

static void wait_for_interrupt(void)
{
	struct {
		struct vfio_irq_set set;
		int fd;
	} request = {
		.set = { .argsz = sizeof(request),
			 .flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
			 .index = VFIO_PCI_MSI_IRQ_INDEX,
			 .count = 1 },
		.fd = eventfd(0, EFD_CLOEXEC),
	};
	struct pollfd waits = { .fd = request.fd, .events = POLLIN };
	uint64_t count = 0;

	must(ioctl(device, VFIO_DEVICE_SET_IRQS, &request.set) == 0, "MSI to an eventfd");
	set_reg(edu_source, iova);
	set_reg(edu_destination, edu_buffer);
	set_reg(edu_count, 16);
	set_reg(edu_command, 1 | interrupts);
	must(poll(&waits, 1, 5000) == 1 && read(request.fd, &count, sizeof(count)) == sizeof(count) &&
		     count == 1,
	     "the device interrupts, while the program waits and calls nothing");
	set_reg(edu_acknowledge, reg(0x24));
	close(request.fd);
}

int main(int argc, char **argv)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	char path[64];
	struct stat node;
	uint16_t command = 0x6; /* memory space, bus master */

	if (argc != 3)
		return 2;
	snprintf(path, sizeof(path), "/dev/vfio/%s", argv[2]);
	must(stat(path, &node) == 0 && S_ISCHR(node.st_mode), "the group has a node");
	int container = open("/dev/vfio/vfio", O_RDWR);
	int group = open(path, O_RDWR);

	must(container >= 0 && group >= 0, "container and group are open");
	must(ioctl(container, VFIO_GET_API_VERSION) == VFIO_API_VERSION, "the version");
	must(ioctl(group, VFIO_GROUP_GET_STATUS, &status) == 0 &&
		     (status.flags & VFIO_GROUP_FLAGS_VIABLE),
	     "the group is viable");
	must(ioctl(group, VFIO_GROUP_SET_CONTAINER, &container) == 0, "the container is set");
	must(ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) == 0, "the IOMMU is set");
	device = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, argv[1]);
	must(device >= 0, "the device is open");
	config = region(VFIO_PCI_CONFIG_REGION_INDEX);
	bar0 = region(VFIO_PCI_BAR0_REGION_INDEX);
	must(pwrite(device, &command, sizeof(command), config + 4) == sizeof(command),
	     "memory and bus mastering are on");
	must(reg(edu_id) == 0x010000ed, "it is an edu device");

	unsigned char *memory = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (int i = 0; i < page; i++)
		memory[i] = (unsigned char)(i * 7 + 1);
	must(map(container, memory, 2 * page, iova) == 0, "two pages are mapped");
	must(map(container, memory, page, iova) < 0 && errno == EEXIST, "not twice");
	must(map(container, (void *)0x1000, page, 0x800000) < 0 && errno == EFAULT,
	     "nothing where the program has no memory");
	transfer(iova, edu_buffer, page, 0);
	transfer(edu_buffer, iova + page, page, to_memory);
	must(memcmp(memory, memory + page, page) == 0, "the device has copied the first to the second");

	int copy = dup(device);

	must(copy >= 0 && close(device) == 0, "the device has another descriptor");
	device = copy;
	must(reg(edu_id) == 0x010000ed, "which is the same device");
	wait_for_interrupt();

	must(munmap(memory, 2 * page) == 0, "the program gives the memory up");
	transfer(iova, edu_buffer, page, 0);
	must(unmap(container, 2 * page, iova) == 2 * page, "and unmaps it for the device");

	unsigned char *aligned = mmap(NULL, 2 * huge, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	aligned = (unsigned char *)(((uintptr_t)aligned + huge - 1) & ~(uintptr_t)(huge - 1));
	memset(aligned, 0x5a, huge);
	must(map(container, aligned, huge, huge_iova) == 0, "2 MiB are mapped");
	transfer(huge_iova + huge - page, edu_buffer, page, 0);
	aligned[0] = 0;
	transfer(edu_buffer, huge_iova, page, to_memory);
	must(aligned[0] == 0x5a, "the device reads their end, and writes their beginning");
	must(unmap(container, huge, huge_iova) == huge, "2 MiB are unmapped");
	aligned[0] = 1;
	transfer(edu_buffer, huge_iova, page, to_memory);
	must(aligned[0] == 1, "the device reaches them no more");
	unsigned char *heap = malloc(huge);
	unsigned char *inside = (unsigned char *)(((uintptr_t)heap + page) & ~(uintptr_t)(page - 1));

	must(map(container, inside, page, iova) == 0, "memory of malloc() is mapped");
	free(heap);
	transfer(iova, edu_buffer, page, 0);
	must(unmap(container, page, iova) == page, "and freed before it is unmapped");

	pid_t child = vfork();

	if (child == 0) {
		close(device);
		_exit(0);
	}
	must(waitpid(child, NULL, 0) == child && reg(edu_id) == 0x010000ed,
	     "a child closes its own descriptor");

	must(close(device) == 0 && close(group) == 0 && close(container) == 0, "all is closed");
	must(fcntl(device, F_GETFD) < 0 && errno == EBADF, "for the host as well");
	return 0;
}
