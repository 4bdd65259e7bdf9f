/* What Rust needs of DPDK beyond its exported symbols: the inline functions, and structures whose bit fields or
 * packed members bindgen cannot lay out, as plain ones. Compiled optimised in every profile (see build.rs). */
#ifndef KEYHUSH_SHIM_H
#define KEYHUSH_SHIM_H

#include <stdbool.h>
#include <stdint.h>

struct rte_mbuf;
struct rte_mempool;

/* Where the fields of struct rte_mbuf that Rust reads lie, in bytes; shim.c asserts them against DPDK's header. */
enum {
	KEYHUSH_MBUF_BUF_ADDR = 0,
	KEYHUSH_MBUF_DATA_OFF = 16,
	KEYHUSH_MBUF_REFCNT = 18,
	KEYHUSH_MBUF_NB_SEGS = 20,
	KEYHUSH_MBUF_PORT = 22,
	KEYHUSH_MBUF_PKT_LEN = 36,
	KEYHUSH_MBUF_DATA_LEN = 40,
	KEYHUSH_MBUF_BUF_LEN = 54,
	KEYHUSH_MBUF_NEXT = 64,
	/* Bytes that a packet pool keeps free before each packet. */
	KEYHUSH_HEADROOM = 128,
};

/* What a device can do, and the limits that its settings are adjusted to. */
struct keyhush_port_info {
	const char *driver_name;
	uint16_t max_rx_queues;
	uint16_t max_tx_queues;
	uint16_t min_mtu;
	uint16_t max_mtu;
	uint32_t max_rx_frame;
	bool can_scatter;
	bool can_send_segments;
	bool can_hash_udp;
	int socket;
};

/* What a port is to be set up with; `rss` asks for the symmetric key over IP addresses and UDP ports. */
struct keyhush_port_config {
	uint16_t rx_queues;
	uint16_t tx_queues;
	uint16_t mtu; /* 0 = the device's own */
	bool rss;
	bool scatter;
	bool send_segments;
};

struct keyhush_link {
	bool up;
	uint32_t speed; /* Mbit/s, 0 = unknown */
};

struct keyhush_stats {
	uint64_t received;
	uint64_t sent;
	uint64_t missed;
	uint64_t receive_errors;
	uint64_t no_mbuf;
	uint64_t send_errors;
};

/* The data path: one call a burst. */
uint16_t keyhush_rx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **packets, uint16_t count);
uint16_t keyhush_tx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **packets, uint16_t count);
void keyhush_mbuf_free(struct rte_mbuf *packet);
void keyhush_mbuf_free_bulk(struct rte_mbuf **packets, unsigned int count);
struct rte_mbuf *keyhush_mbuf_alloc(struct rte_mempool *pool);
/* Lengthens the packet at its end; NULL where the buffer is too small. */
void *keyhush_mbuf_append(struct rte_mbuf *packet, uint16_t length);
/* Makes `tail` follow the last segment of `head`; false where the chain would be too long. */
bool keyhush_mbuf_chain(struct rte_mbuf *head, struct rte_mbuf *tail);
uint64_t keyhush_tsc(void);

/* Set-up. Negative answers are negated errno values. */
int keyhush_errno(void);
int keyhush_port_info(uint16_t port, struct keyhush_port_info *info);
int keyhush_port_configure(uint16_t port, const struct keyhush_port_config *config);
int keyhush_rx_queue_setup(uint16_t port, uint16_t queue, uint16_t descriptors, int socket, struct rte_mempool *pool);
int keyhush_tx_queue_setup(uint16_t port, uint16_t queue, uint16_t descriptors, int socket);
int keyhush_link(uint16_t port, struct keyhush_link *link);
int keyhush_mac(uint16_t port, uint8_t address[6]);
int keyhush_stats(uint16_t port, struct keyhush_stats *stats);
/* The first port id in use that is at least `from`, or UINT16_MAX. */
uint16_t keyhush_next_port(uint16_t from);
/* Has the kernel leave all memory that EAL has now out of core images. */
int keyhush_leave_out_of_core_images(void);

#endif
