/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/ledger.h"

static const char *const identity_texts[WS_IDENTITY_COUNT] = {
	[WS_IDENTITY_ATTEMPTED] = "attempted = sent + failed",
	[WS_IDENTITY_SENT] = "sent = matched + unstamped_tx + unstamped_rx + unstamped_both + lost"
			     " + late_arrivals",
	[WS_IDENTITY_RECEIVED] = "received = matched + unstamped_tx + unstamped_rx + unstamped_both"
				 " + late_arrivals + duplicated + foreign + malformed",
	[WS_IDENTITY_HISTOGRAM] = "matched = in_histogram + negative + below_range + above_range",
	[WS_IDENTITY_RING] = "offered_rx = received + dropped_rx",
};

const char *ws_identity_text(enum ws_identity id)
{
	if ((unsigned int)id >= WS_IDENTITY_COUNT) {
		return "unknown";
	}
	return identity_texts[id];
}

uint64_t ws_ledger_arrived(const struct ws_ledger *l)
{
	return l->matched + l->unstamped_tx + l->unstamped_rx + l->unstamped_both +
	       l->late_arrivals;
}

bool ws_ledger_holds(const struct ws_ledger *l, enum ws_identity id)
{
	switch (id) {
	case WS_IDENTITY_ATTEMPTED:
		return l->attempted == l->sent + l->failed;
	case WS_IDENTITY_SENT:
		return l->sent == ws_ledger_arrived(l) + l->lost;
	case WS_IDENTITY_RECEIVED:
		return l->received ==
		       ws_ledger_arrived(l) + l->duplicated + l->foreign + l->malformed;
	case WS_IDENTITY_HISTOGRAM:
		return l->matched ==
		       l->in_histogram + l->negative + l->below_range + l->above_range;
	case WS_IDENTITY_RING:
		if (l->offered_rx == UINT64_MAX || l->dropped_rx == UINT64_MAX) {
			return true;
		}
		return l->offered_rx == l->received + l->dropped_rx;
	case WS_IDENTITY_COUNT:
		break;
	}
	return false;
}

bool ws_ledger_balanced(const struct ws_ledger *l)
{
	int id;

	for (id = 0; id < WS_IDENTITY_COUNT; id++) {
		if (!ws_ledger_holds(l, (enum ws_identity)id)) {
			return false;
		}
	}
	return true;
}

void ws_ledger_add(struct ws_ledger *l, const struct ws_ledger *from)
{
	l->attempted += from->attempted;
	l->sent += from->sent;
	l->failed += from->failed;
	l->matched += from->matched;
	l->unstamped_tx += from->unstamped_tx;
	l->unstamped_rx += from->unstamped_rx;
	l->unstamped_both += from->unstamped_both;
	l->lost += from->lost;
	l->late_arrivals += from->late_arrivals;
	l->received += from->received;
	l->duplicated += from->duplicated;
	l->foreign += from->foreign;
	l->malformed += from->malformed;
	l->reordered += from->reordered;
	l->beyond_history += from->beyond_history;
	l->negative += from->negative;
	l->below_range += from->below_range;
	l->above_range += from->above_range;
	l->in_histogram += from->in_histogram;
	l->offered_rx += from->offered_rx;
	l->dropped_rx += from->dropped_rx;
}
