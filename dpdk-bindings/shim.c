#include "shim.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_memory.h>

#define AT(field, offset) \
	_Static_assert(offsetof(struct rte_mbuf, field) == (offset), "rte_mbuf." #field " has moved")

AT(buf_addr, KEYHUSH_MBUF_BUF_ADDR);
AT(data_off, KEYHUSH_MBUF_DATA_OFF);
AT(refcnt, KEYHUSH_MBUF_REFCNT);
AT(nb_segs, KEYHUSH_MBUF_NB_SEGS);
AT(port, KEYHUSH_MBUF_PORT);
AT(pkt_len, KEYHUSH_MBUF_PKT_LEN);
AT(data_len, KEYHUSH_MBUF_DATA_LEN);
AT(buf_len, KEYHUSH_MBUF_BUF_LEN);
AT(next, KEYHUSH_MBUF_NEXT);
_Static_assert(RTE_PKTMBUF_HEADROOM == KEYHUSH_HEADROOM, "the headroom of packets has changed");

uint16_t keyhush_rx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **packets, uint16_t count)
{
	return rte_eth_rx_burst(port, queue, packets, count);
}

uint16_t keyhush_tx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **packets, uint16_t count)
{
	return rte_eth_tx_burst(port, queue, packets, count);
}

void keyhush_mbuf_free(struct rte_mbuf *packet)
{
	rte_pktmbuf_free(packet);
}

void keyhush_mbuf_free_bulk(struct rte_mbuf **packets, unsigned int count)
{
	rte_pktmbuf_free_bulk(packets, count);
}

struct rte_mbuf *keyhush_mbuf_alloc(struct rte_mempool *pool)
{
	return rte_pktmbuf_alloc(pool);
}

void *keyhush_mbuf_append(struct rte_mbuf *packet, uint16_t length)
{
	return rte_pktmbuf_append(packet, length);
}

bool keyhush_mbuf_chain(struct rte_mbuf *head, struct rte_mbuf *tail)
{
	return rte_pktmbuf_chain(head, tail) == 0;
}

uint64_t keyhush_tsc(void)
{
	return rte_rdtsc();
}

int keyhush_errno(void)
{
	return rte_errno;
}

/* Fragments are hashed by their addresses alone, having no ports. */
#define HASHES                                                                                             \
	(RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_FRAG_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_IPV6 |       \
	 RTE_ETH_RSS_FRAG_IPV6 | RTE_ETH_RSS_NONFRAG_IPV6_UDP)
#define NEEDED_HASHES (RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_NONFRAG_IPV6_UDP)
#define LONGEST_KEY 128

int keyhush_port_info(uint16_t port, struct keyhush_port_info *info)
{
	struct rte_eth_dev_info dev;
	int failed = rte_eth_dev_info_get(port, &dev);

	if (failed)
		return failed;
	info->driver_name = dev.driver_name;
	info->max_rx_queues = dev.max_rx_queues;
	info->max_tx_queues = dev.max_tx_queues;
	info->min_mtu = dev.min_mtu;
	info->max_mtu = dev.max_mtu;
	info->max_rx_frame = dev.max_rx_pktlen;
	info->can_scatter = dev.rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER;
	info->can_send_segments = dev.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	info->can_hash_udp = (dev.flow_type_rss_offloads & NEEDED_HASHES) == NEEDED_HASHES &&
			     dev.hash_key_size <= LONGEST_KEY;
	info->socket = rte_eth_dev_socket_id(port);
	return 0;
}

int keyhush_port_configure(uint16_t port, const struct keyhush_port_config *config)
{
	struct rte_eth_dev_info dev;
	struct rte_eth_conf conf;
	uint8_t key[LONGEST_KEY];
	int failed = rte_eth_dev_info_get(port, &dev);

	if (failed)
		return failed;
	memset(&conf, 0, sizeof(conf));
	conf.rxmode.mtu = config->mtu;
	if (config->scatter)
		conf.rxmode.offloads |= RTE_ETH_RX_OFFLOAD_SCATTER;
	if (config->send_segments)
		conf.txmode.offloads |= RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	if (config->rss) {
		/* A period of 16 bits makes Toeplitz hashes blind to which end is the source. */
		for (size_t i = 0; i < sizeof(key); i++)
			key[i] = i % 2 ? 0x5a : 0x6d;
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_key = key;
		conf.rx_adv_conf.rss_conf.rss_key_len = dev.hash_key_size ? dev.hash_key_size : 40;
		conf.rx_adv_conf.rss_conf.rss_hf = HASHES & dev.flow_type_rss_offloads;
	}
	return rte_eth_dev_configure(port, config->rx_queues, config->tx_queues, &conf);
}

int keyhush_rx_queue_setup(uint16_t port, uint16_t queue, uint16_t descriptors, int socket, struct rte_mempool *pool)
{
	return rte_eth_rx_queue_setup(port, queue, descriptors, (unsigned int)socket, NULL, pool);
}

int keyhush_tx_queue_setup(uint16_t port, uint16_t queue, uint16_t descriptors, int socket)
{
	return rte_eth_tx_queue_setup(port, queue, descriptors, (unsigned int)socket, NULL);
}

int keyhush_link(uint16_t port, struct keyhush_link *link)
{
	struct rte_eth_link found;
	int failed = rte_eth_link_get_nowait(port, &found);

	if (failed)
		return failed;
	link->up = found.link_status == RTE_ETH_LINK_UP;
	link->speed = found.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? 0 : found.link_speed;
	return 0;
}

int keyhush_mac(uint16_t port, uint8_t address[6])
{
	struct rte_ether_addr found;
	int failed = rte_eth_macaddr_get(port, &found);

	if (failed)
		return failed;
	memcpy(address, found.addr_bytes, 6);
	return 0;
}

int keyhush_stats(uint16_t port, struct keyhush_stats *stats)
{
	struct rte_eth_stats found;
	int failed = rte_eth_stats_get(port, &found);

	if (failed)
		return failed;
	stats->received = found.ipackets;
	stats->sent = found.opackets;
	stats->missed = found.imissed;
	stats->receive_errors = found.ierrors;
	stats->no_mbuf = found.rx_nombuf;
	stats->send_errors = found.oerrors;
	return 0;
}

uint16_t keyhush_next_port(uint16_t from)
{
	uint64_t port = from < RTE_MAX_ETHPORTS ? rte_eth_find_next(from) : RTE_MAX_ETHPORTS;

	return port < RTE_MAX_ETHPORTS ? (uint16_t)port : UINT16_MAX;
}

static int leave_out(const struct rte_memseg_list *list, const struct rte_memseg *first, size_t length, void *failed)
{
	/* Memory that somebody lent to EAL is theirs. */
	if (!list->external && madvise(first->addr, length, MADV_DONTDUMP))
		*(int *)failed = errno;
	return 0;
}

int keyhush_leave_out_of_core_images(void)
{
	int failed = 0;

	rte_memseg_contig_walk(leave_out, &failed);
	return -failed;
}
