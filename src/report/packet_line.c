#include "report/packet_line.h"
#include <stdio.h>
size_t ws_packet_line(char *buf, size_t size, const struct ws_packet_text *p)
{
	return (size_t)snprintf(
		buf, size, "%lld %u %u stub", (long long)p->ns, p->len, p->wire_len);
}
