/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The kinds of reference that the leak module can take. */
#ifndef VMLEAK_TEST_LEAK_REFERENCES_H
#define VMLEAK_TEST_LEAK_REFERENCES_H

struct kind {
  const char *name;
  /* From the target as it was written: the object, one reference richer, or an error pointer. */
  void *(*take)(const char *target);
  void (*put)(void *object);
};

/* The kind of that name, or NULL. */
const struct kind *find_kind(const char *name);

/* Keeps an object that has the reference already; it's listed and put like any other. */
int keep_object(const struct kind *kind, void *object, const char *target);

struct file;
struct vfio_device;

/* The device file behind "PID FD", one reference richer, or an error pointer. */
struct file *get_vfio_device_file(const char *target);
struct vfio_device *vfio_device_of(struct file *file);

/* See unbind_race.c. */
int race_with_unbind(const char *target);
int unbind_race_init(void);
void unbind_race_exit(void);

#endif
