/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers of protocols and messages, by the registries of IEEE and IANA, and IEEE 1588 for PTP. */
#include "report/packet_text.h"

struct name {
	uint16_t number;
	const char *text;
};

#define FIND(names, number) find(names, sizeof(names) / sizeof((names)[0]), number)

static const char *find(const struct name *names, size_t n, uint16_t number)
{
	for (size_t i = 0; i < n; i++) {
		if (names[i].number == number) {
			return names[i].text;
		}
	}
	return NULL;
}

const char *ethertype_name(uint16_t type)
{
	static const struct name names[] = {
		{0x0842, "wake-on-LAN"},
		{0x22f0, "AVTP"},
		{0x22ea, "SRP"},
		{0x8035, "RARP"},
		{0x809b, "AppleTalk"},
		{0x8137, "IPX"},
		{0x8808, "MAC control"},
		{0x8809, "slow protocol"},
		{0x8863, "PPPoE discovery"},
		{0x8864, "PPPoE"},
		{0x888e, "EAPOL"},
		{0x8892, "PROFINET"},
		{0x88a4, "EtherCAT"},
		{0x88b5, "experimental 0x88b5"},
		{0x88b6, "experimental 0x88b6"},
		{0x88b8, "GOOSE"},
		{0x88ba, "sampled values"},
		{0x88cc, "LLDP"},
		{0x88e1, "HomePlug"},
		{0x88e5, "MACsec"},
		{0x88f5, "MVRP"},
		{0x88f6, "MMRP"},
		{0x88fb, "PRP"},
		{0x8902, "CFM"},
		{0x8906, "FCoE"},
		{0x8914, "FIP"},
		{0x8915, "RoCE"},
		{0x892f, "HSR"},
		{0x893a, "IEEE 1905"},
		{0x8940, "ECP"},
		{0x894f, "NSH"},
		{0x9000, "loopback test"},
	};

	return FIND(names, type);
}

const char *ip_protocol_name(uint8_t protocol)
{
	static const char *const names[256] = {
		[1] = "ICMP",
		[2] = "IGMP",
		[4] = "IPIP",
		[6] = "TCP",
		[8] = "EGP",
		[9] = "IGP",
		[17] = "UDP",
		[27] = "RDP",
		[33] = "DCCP",
		[41] = "IPv6-in-IP",
		[46] = "RSVP",
		[47] = "GRE",
		[50] = "ESP",
		[51] = "AH",
		[58] = "ICMPv6",
		[59] = "no next header",
		[88] = "EIGRP",
		[89] = "OSPF",
		[94] = "IPIP-94",
		[97] = "EtherIP",
		[103] = "PIM",
		[108] = "IPComp",
		[112] = "VRRP",
		[115] = "L2TP",
		[124] = "IS-IS",
		[132] = "SCTP",
		[135] = "mobility",
		[136] = "UDP-Lite",
		[137] = "MPLS-in-IP",
		[139] = "HIP",
		[140] = "shim6",
		[143] = "Ethernet-in-IP",
		[253] = "experimental-253",
		[254] = "experimental-254",
	};

	return names[protocol];
}

const char *icmp_name(uint8_t type)
{
	static const struct name names[] = {
		{0, "echo reply"},
		{3, "unreachable"},
		{4, "source quench"},
		{5, "redirect"},
		{8, "echo request"},
		{9, "router advertisement"},
		{10, "router solicitation"},
		{11, "time exceeded"},
		{12, "parameter problem"},
		{13, "timestamp request"},
		{14, "timestamp reply"},
		{15, "information request"},
		{16, "information reply"},
		{17, "address mask request"},
		{18, "address mask reply"},
		{42, "extended echo request"},
		{43, "extended echo reply"},
	};

	return FIND(names, type);
}

const char *icmp_unreachable_name(uint8_t code)
{
	static const struct name names[] = {
		{0, "net"},
		{1, "host"},
		{2, "protocol"},
		{3, "port"},
		{4, "fragmentation needed"},
		{5, "source route failed"},
		{6, "net unknown"},
		{7, "host unknown"},
		{9, "net prohibited"},
		{10, "host prohibited"},
		{13, "prohibited"},
	};

	return FIND(names, code);
}

const char *icmpv6_name(uint8_t type)
{
	static const struct name names[] = {
		{1, "unreachable"},
		{2, "packet too big"},
		{3, "time exceeded"},
		{4, "parameter problem"},
		{128, "echo request"},
		{129, "echo reply"},
		{130, "multicast listener query"},
		{131, "multicast listener report"},
		{132, "multicast listener done"},
		{133, "router solicitation"},
		{134, "router advertisement"},
		{135, "neighbor solicitation"},
		{136, "neighbor advertisement"},
		{137, "redirect"},
		{143, "multicast listener report v2"},
		{160, "extended echo request"},
		{161, "extended echo reply"},
	};

	return FIND(names, type);
}

const char *icmpv6_unreachable_name(uint8_t code)
{
	static const struct name names[] = {
		{0, "no route"},
		{1, "prohibited"},
		{2, "beyond scope"},
		{3, "address"},
		{4, "port"},
		{5, "source policy"},
		{6, "rejected route"},
	};

	return FIND(names, code);
}

const char *igmp_name(uint8_t type)
{
	static const struct name names[] = {
		{0x11, "query"},
		{0x12, "v1 report"},
		{0x13, "DVMRP"},
		{0x16, "v2 report"},
		{0x17, "leave"},
		{0x22, "v3 report"},
	};

	return FIND(names, type);
}

const char *sctp_chunk_name(uint8_t type)
{
	static const struct name names[] = {
		{0, "DATA"},
		{1, "INIT"},
		{2, "INIT ACK"},
		{3, "SACK"},
		{4, "HEARTBEAT"},
		{5, "HEARTBEAT ACK"},
		{6, "ABORT"},
		{7, "SHUTDOWN"},
		{8, "SHUTDOWN ACK"},
		{9, "ERROR"},
		{10, "COOKIE ECHO"},
		{11, "COOKIE ACK"},
		{14, "SHUTDOWN COMPLETE"},
		{15, "AUTH"},
		{64, "I-DATA"},
		{192, "FORWARD TSN"},
	};

	return FIND(names, type);
}

const char *ptp_message_name(uint8_t type)
{
	static const char *const names[16] = {
		[0x0] = "Sync",
		[0x1] = "Delay_Req",
		[0x2] = "Pdelay_Req",
		[0x3] = "Pdelay_Resp",
		[0x8] = "Follow_Up",
		[0x9] = "Delay_Resp",
		[0xa] = "Pdelay_Resp_Follow_Up",
		[0xb] = "Announce",
		[0xc] = "Signaling",
		[0xd] = "Management",
	};

	return names[type & 0xf];
}
