/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef VMLEAK_VMLINUX_NET_H
#define VMLEAK_VMLINUX_NET_H

struct sock;

struct sk_buff {
	struct sk_buff *next;
	struct sock *sk;
	char cb[48];
};

struct sk_buff_head {
	struct sk_buff *next;
	u32 qlen;
};

struct sock_common {
	unsigned short skc_family;
	volatile unsigned char skc_state;
};

struct socket {
	struct file *file;
	struct sock *sk;
};

struct sock {
	struct sock_common __sk_common;
	struct sk_buff_head sk_receive_queue;
};

struct scm_stat {
	atomic_t nr_fds;
};

struct unix_sock {
	struct sock sk;
	struct scm_stat scm_stat; /* descriptors in flight to this socket */
};

struct scm_fp_list {
	short count;
	struct file *fp[253]; /* SCM_MAX_FD */
};

struct unix_skb_parms {
	struct scm_fp_list *fp;
};

#endif
