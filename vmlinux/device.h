/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef VMLEAK_VMLINUX_DEVICE_H
#define VMLEAK_VMLINUX_DEVICE_H

struct kobject {
	const char *name;
	struct kref kref;
};

struct bus_type {
	const char *name;
};

struct device_driver {
	const char *name;
	const struct bus_type *bus;
	struct module *owner;
};

struct pci_driver {
	struct device_driver driver;
	bool driver_managed_dma;
};

struct device {
	struct kobject kobj;
	const struct bus_type *bus;
	struct device_driver *driver;
};

struct iommu_group {
	struct kobject kobj;
	struct kobject *devices_kobj;
	struct list_head devices; /* of group_device.list */
	int id;
	unsigned int owner_cnt;
	void *owner; /* the vfio_group that claimed DMA ownership */
};

struct group_device {
	struct list_head list;
	struct device *dev;
	char *name;
};

#endif
