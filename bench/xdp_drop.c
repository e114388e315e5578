/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A sink that costs next to nothing: drops every packet that an interface receives, by an XDP program
 * of two instructions, until standard input is closed.
 *
 *   nsenter --net="$WIRESTAMP_LAB_NS1" build/bench/xdp_drop ws1 generic|native
 *
 * Says "ready" when it drops. The program is attached by a link, which the kernel takes away with this
 * process, whatever ends it. generic: before the stack takes the packet, on any interface; native: in
 * the driver. A veth's driver takes packets by NAPI then, which the kernel switches on with the program,
 * and its peer's segmentation offload off.
 *
 * Refuses to run on anything but a veth of the lab.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int bpf(enum bpf_cmd command, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static int load(void)
{
	static const struct bpf_insn drop[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_DROP},
		{.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_XDP,
		.insn_cnt = sizeof(drop) / sizeof(drop[0]),
		.insns = (uintptr_t)drop,
		.license = (uintptr_t) "BSD",
		.expected_attach_type = BPF_XDP,
	};

	return bpf(BPF_PROG_LOAD, &attr);
}

static int attach(int program, unsigned ifindex, unsigned flags)
{
	union bpf_attr attr = {
		.link_create =
			{
				.prog_fd = (uint32_t)program,
				.target_ifindex = ifindex,
				.attach_type = BPF_XDP,
				.flags = flags,
			},
	};

	return bpf(BPF_LINK_CREATE, &attr);
}

int main(int argc, char **argv)
{
	unsigned ifindex;
	int program;
	ssize_t n;
	char byte;

	if (argc != 3 || (strcmp(argv[2], "generic") != 0 && strcmp(argv[2], "native") != 0) ||
		!getenv("WIRESTAMP_LAB_NS1") || strncmp(argv[1], "ws", 2) != 0) {
		fputs("xdp_drop: run it as: nsenter --net=\"$WIRESTAMP_LAB_NS1\" xdp_drop ws1 "
		      "generic|native\n",
			stderr);
		return 2;
	}
	ifindex = if_nametoindex(argv[1]);
	if (!ifindex) {
		fprintf(stderr, "xdp_drop: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	program = load();
	if (program < 0) {
		fprintf(stderr, "xdp_drop: load: %s\n", strerror(errno));
		return 1;
	}
	if (attach(program, ifindex,
		    strcmp(argv[2], "native") == 0 ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE) < 0) {
		fprintf(stderr, "xdp_drop: attach: %s\n", strerror(errno));
		return 1;
	}
	puts("ready");
	fflush(stdout);
	do {
		n = read(STDIN_FILENO, &byte, 1);
	} while (n > 0 || (n < 0 && errno == EINTR));
	return 0;
}
