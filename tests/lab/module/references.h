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

#endif
