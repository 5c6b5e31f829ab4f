/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sockets.
 *
 *   socket_create                      which sockets exist at all: an allow-list
 *   socket_post_create                 labels the socket with its cell
 *   socket_connect, socket_sendmsg     connect, by the address that is named; and what control data
 *                                      a message brings
 *   socket_bind, socket_listen         listen, by the local address
 *   socket_accept                      likewise, for a listener that came from outside
 *   unix_stream_connect, unix_may_send unix sockets, by the peer's path, abstract name or cell
 */
#include "lib/egress.bpf.h"
#include "lib/mounts.bpf.h"
#include "lib/option.bpf.h"
#include "lib/peer.bpf.h"
#include "lib/unix.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define TYPE_STREAM 1
#define TYPE_DGRAM  2
#define TYPE_RAW    3
#define NETLINK_ROUTE 0

static __always_inline bool socket_known(int family, int type, int protocol)
{
	if (family == FAMILY_UNIX)
		return true;
	/* What is sent there is decided by netlink.bpf.c. */
	if (family == FAMILY_NETLINK)
		return (type == TYPE_RAW || type == TYPE_DGRAM) && protocol == NETLINK_ROUTE;
	if (family != FAMILY_INET && family != FAMILY_INET6)
		return false;
	if (type == TYPE_STREAM)
		return protocol == 0 || protocol == AMBIT_PROTO_TCP;
	return type == TYPE_DGRAM && (protocol == 0 || protocol == AMBIT_PROTO_UDP);
}

SEC("lsm/socket_create")
int INSIDE_PROG(net_socket_create, int family, int type, int protocol, int kern)
{
	struct verdict v = {
		.op = OP_SOCKET,
		.reason = REASON_FAMILY,
		.verdict = VERDICT_DENY,
		.hook = HOOK_socket_create,
		.slot = -1,
	};

	/* A socket of the kernel's own is not in the hands of the task. */
	if (kern)
		return 0;
	v.cell = cell_current();
	if (!v.cell || socket_known(family, type, protocol))
		return 0;
	v.family = family;
	v.proto = protocol;
	v.detail = type;
	report(&v);
	return enforce(v.cell) ? -EPERM : 0;
}

SEC("lsm/socket_post_create")
int INSIDE_PROG(net_socket_post_create, struct socket *socket, int family, int type, int protocol,
	int kern)
{
	struct sock *sk = socket->sk;
	enum ambit_reason reason = REASON_NO_LABEL;
	__u32 cell;

	if (kern)
		return 0;
	cell = cell_current();
	if (!cell)
		return 0;
	if (sk && label_socket(sk, cell)) {
		reason = REASON_UNCOUNTED;
		if ((family != FAMILY_INET && family != FAMILY_INET6) || !egress_uncounted(cell, sk))
			return 0;
	}
	return deny(cell, HOOK_socket_post_create, OP_SOCKET, reason) ? -EPERM : 0;
}

/* Fills cell, hook, op and protocol; false: not for us to decide here (outside, or unix, which has
 * hooks of its own). */
static __always_inline bool request_start(struct peer_request *request, struct socket *socket,
	enum ambit_op op, enum ambit_hook hook, __u16 *ret_family)
{
	struct sock *sk;

	request->cell = cell_current();
	if (!request->cell)
		return false;
	sk = socket->sk;
	*ret_family = sk ? sk->__sk_common.skc_family : 0;
	request->op = op;
	request->hook = hook;
	request->proto = sk ? sk->sk_protocol : 0;
	return *ret_family != FAMILY_UNIX;
}

/* A socket of another kind can have been passed in. */
static __always_inline bool request_known(const struct peer_request *request, __u16 family)
{
	return (family == FAMILY_INET || family == FAMILY_INET6) &&
	       (request->proto == AMBIT_PROTO_TCP || request->proto == AMBIT_PROTO_UDP);
}

static __always_inline int deny_address(const struct peer_request *request, int why)
{
	enum ambit_reason reason = why == ADDRESS_BAD	     ? REASON_ADDRESS
				   : why == ADDRESS_UNREADABLE ? REASON_UNREADABLE
							       : REASON_FAMILY;

	return deny(request->cell, request->hook, request->op, reason) ? -EPERM : 0;
}

/* "Any" as a peer of a socket that is bound goes to the address it is bound to, in whatever form (an
 * IPv6 socket can be bound to a v4-mapped one): nothing that a policy could have meant. */
FRAME bool has_source(struct socket *socket)
{
	struct sock *sk = BPF_CORE_READ(socket, sk);
	struct in6_addr v6 = {};

	BPF_CORE_READ_INTO(&v6, sk, __sk_common.skc_v6_rcv_saddr);
	return BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr) ||
	       BPF_CORE_READ((struct inet_sock *)sk, inet_saddr) || v6.in6_u.u6_addr32[0] ||
	       v6.in6_u.u6_addr32[1] || v6.in6_u.u6_addr32[2] || v6.in6_u.u6_addr32[3];
}

/* A netlink socket talks to the kernel and to nobody else: port 0, and no group. */
static __always_inline int netlink_peer(__u32 cell, enum ambit_hook hook, const void *sockaddr, int length)
{
	struct sockaddr_nl peer = {};

	if (length >= (int)sizeof(peer) &&
		!bpf_probe_read_kernel(&peer, sizeof(peer), FAULT(ADDRESS_NETLINK, NULL, sockaddr)) &&
		!peer.nl_pid && !peer.nl_groups)
		return 0;
	return deny_number(cell, hook, OP_SOCKET, REASON_NETLINK, 0) ? -EPERM : 0;
}

static __always_inline int connect_decide(struct socket *socket, struct sockaddr *address, int length)
{
	struct peer_request request = {};
	__u16 family;
	int result;

	if (!request_start(&request, socket, OP_CONNECT, HOOK_socket_connect, &family))
		return 0;
	if (family == FAMILY_NETLINK)
		return netlink_peer(request.cell, HOOK_socket_connect, address, length);
	if (!request_known(&request, family))
		return deny_address(&request, ADDRESS_FAMILY);
	result = address_read(&request.address, address, length, family, false);
	if (result == ADDRESS_NONE)
		return 0; /* AF_UNSPEC dissolves an association */
	if (result == ADDRESS_OK && address_is_any(&request.address) && has_source(socket))
		result = ADDRESS_BAD;
	if (result != ADDRESS_OK)
		return deny_address(&request, result);
	address_as_peer(&request.address);
	request.socket = (__u64)socket;
	return decide_peer(&request) ? -EPERM : question_noted(&request, socket);
}

/*
 * The short way to an IPv4 peer that was allowed before: what a socket without any oddity asks for. What
 * cannot be read is 0, which is no family.
 */
static __always_inline bool connect_is_kept(
	struct socket *socket, __u64 address, int length, __u32 cell)
{
	struct sock *sk = socket->sk;
	__u64 word, proto;
	__u32 ip;

	if (!PEEKS || !sk || length < SOCKADDR_IN)
		return false;
	word = peek(address); /* family, port, address */
	ip = word >> 32;
	if ((__u16)word != FAMILY_INET || sk->__sk_common.skc_family != FAMILY_INET || !ip)
		return false;
	proto = sk->sk_protocol;
	return peer_kept(ip, 0, peer_key(cell, false, AMBIT_FAMILY_V4, proto, bpf_ntohs(word >> 16)),
		(__u64)socket);
}

SEC("lsm/socket_connect")
int INSIDE_PROG(net_socket_connect)
{
	__u32 cell = cell_current();

	if (!cell)
		return zero();
	if (!connect_is_kept((struct socket *)ctx[0], number_of((void *)ctx[1], kept.origin), ctx[2], cell) &&
		connect_decide((struct socket *)ctx[0], (struct sockaddr *)ctx[1], ctx[2]))
		return -EPERM;
	return deny_unseen((struct socket *)ctx[0], HOOK_socket_connect) ? -EPERM : zero();
}

/* A message with an address of its own: UDP, and TCP with MSG_FASTOPEN. */
static __always_inline int decide_named(
	struct peer_request *request, struct socket *socket, struct msghdr *message, __u16 family)
{
	int result;

	if (sends_several())
		return deny(request->cell, HOOK_socket_sendmsg, OP_SOCKET, REASON_BATCH) ? -EPERM : 0;
	result = address_read(
		&request->address, message->msg_name, message->msg_namelen, family, true);
	if (result == ADDRESS_NONE)
		return 0; /* on an IPv6 socket: the connected peer (udpv6_sendmsg) */
	/* Control data can set a source address too (IP_PKTINFO). */
	if (result == ADDRESS_OK && address_is_any(&request->address) &&
		(message->msg_controllen || has_source(socket)))
		result = ADDRESS_BAD;
	if (result != ADDRESS_OK)
		return deny_address(request, result);
	address_as_peer(&request->address);
	request->socket = (__u64)socket;
	return decide_peer(request) ? -EPERM : question_noted(request, socket);
}

/* What is left of a limit of bytes has to be enough. */
FRAME int sendmsg_egress(struct socket *socket, struct msghdr *message, int size)
{
	struct verdict v = {.slot = -1, .verdict = VERDICT_DENY};
	struct sock *sk = socket->sk;

	v.cell = cell_current();
	v.op = OP_CONNECT;
	v.hook = HOOK_socket_sendmsg;
	if (!v.cell || !sk || !egress_refused(v.cell, sk, message, size, &v))
		return 0;
	report(&v);
	return enforce(v.cell) ? -EPERM : 0;
}

/* Whether a message goes to a connection that was cut, which was reported then. */
static __always_inline int message_cut(struct socket *socket)
{
	__u64 cut = LOOK(kept.cut);
	struct sock *sk;
	__u32 cell;

	if (!cut)
		return false;
	cell = cell_current();
	if (!(cut & CUT_BIT(cell)) || !cell)
		return false;
	sk = socket->sk;
	return sk && socket_is_cut(sk);
}

#define CONTROL_ASK 2

struct control {
	__u64 data;
	__u64 length;
	__u32 cell;
};

/* Without an address a message goes to the peer that connect decided; or, on a socket that the
 * command was started with, to the one that it was given. 0: let it pass, 1: deny, CONTROL_ASK: as its
 * control data in `control` is decided. */
FRAME int message_decide(struct socket *socket, struct msghdr *message, struct control *control)
{
	struct peer_request request = {};
	void *name = message->msg_name;
	__u16 family;

	*control = (struct control){.length = message->msg_controllen};
	if ((!name && !control->length) ||
		!request_start(&request, socket, OP_CONNECT, HOOK_socket_sendmsg, &family))
		return 0;
	if (family == FAMILY_NETLINK)
		return name && netlink_peer(request.cell, HOOK_socket_sendmsg, name,
				       message->msg_namelen);
	if (!request_known(&request, family))
		return deny_address(&request, ADDRESS_FAMILY) != 0;
	control->cell = request.cell;
	if (name && decide_named(&request, socket, message, family))
		return 1;
	if (!control->length)
		return 0;
	control->data = (__u64)BPF_CORE_READ(message, msg_control);
	return CONTROL_ASK;
}

/* What is asked of each message that nothing before denied. */
FRAME int message_last(struct socket *socket, struct msghdr *message, int size)
{
	if (message_cut(socket) || (LOOK(kept.limited) && sendmsg_egress(socket, message, size)))
		return -EPERM;
	return deny_unseen(socket, HOOK_socket_sendmsg) ? -EPERM : 0;
}

/* The short way of nearly all messages: to whom connect has decided, without control data, while no cell has
 * limits or a connection that was cut. */
static __always_inline bool message_is_plain(const struct msghdr *message)
{
	return !message->msg_name && !message->msg_controllen && !(LOOK(kept.cut) | LOOK(kept.limited));
}

/* INSIDE_PROG() would be a frame too many beneath decide_control() (the verifier knows 8). Whatever is
 * asked stands in functions of its own, so that all that is saved for those outside is `ctx`. */
SEC("lsm/socket_sendmsg")
int BPF_PROG(net_socket_sendmsg)
{
	struct control control;
	int result;

	if (OUTSIDE() || message_is_plain((struct msghdr *)ctx[1]))
		return zero();
	result = message_decide((struct socket *)ctx[0], (struct msghdr *)ctx[1], &control);
	if (result == CONTROL_ASK)
		result = decide_control(control.cell, control.data, control.length);
	if (result)
		return -EPERM;
	return message_last((struct socket *)ctx[0], (struct msghdr *)ctx[1], ctx[2]);
}

/* A link-local address names an interface too, which all traffic of the socket then takes
 * (inet6_bind). */
static __always_inline bool names_interface(const void *sockaddr, int length, __u16 family)
{
	struct sockaddr_in6 raw = {};

	if (family != FAMILY_INET6 || length < (int)sizeof(raw))
		return false;
	return bpf_probe_read_kernel(&raw, sizeof(raw), FAULT(ADDRESS_SCOPE, NULL, sockaddr)) ||
	       raw.sin6_scope_id;
}

/* Port 0 is what a client gets without asking (autobind); to serve TCP on it takes listen(). */
SEC("lsm/socket_bind")
int INSIDE_PROG(net_socket_bind, struct socket *socket, struct sockaddr *address, int length)
{
	struct peer_request request = {};
	__u16 family;
	int result;

	if (!request_start(&request, socket, OP_LISTEN, HOOK_socket_bind, &family))
		return 0;
	if (family == FAMILY_NETLINK)
		return 0; /* a port id, and the groups to hear from */
	if (!request_known(&request, family))
		return deny_address(&request, ADDRESS_FAMILY);
	result = address_read(&request.address, address, length, family, true);
	if (result == ADDRESS_NONE)
		result = ADDRESS_BAD;
	if (result != ADDRESS_OK)
		return deny_address(&request, result);
	if (request.address.port == 0 && !names_interface(address, length, family))
		return 0;
	return decide_listen(&request) ? -EPERM : 0;
}

/* The verdict on serving at the address that the socket has by now. */
static __always_inline int decide_local(
	struct peer_request *request, struct socket *socket, __u16 family)
{
	struct in6_addr v6 = {};

	if (!request_known(request, family))
		return deny_address(request, ADDRESS_FAMILY);
	if (family == FAMILY_INET) {
		address_v4(&request->address,
			BPF_CORE_READ(socket, sk, __sk_common.skc_rcv_saddr));
	} else {
		BPF_CORE_READ_INTO(&v6, socket, sk, __sk_common.skc_v6_rcv_saddr);
		address_v6(&request->address, v6.in6_u.u6_addr32);
	}
	request->address.port = BPF_CORE_READ(socket, sk, __sk_common.skc_num);
	return decide_listen(request) ? -EPERM : 0;
}

SEC("lsm/socket_listen")
int INSIDE_PROG(net_socket_listen, struct socket *socket, int backlog)
{
	struct peer_request request = {};
	__u16 family;

	if (!request_start(&request, socket, OP_LISTEN, HOOK_socket_listen, &family))
		return 0;
	return decide_local(&request, socket, family);
}

/* What listens since listen() was decided in this cell goes on. A listener that the command was
 * started with is decided here; a unix socket has no rule for serving, so that is the end of it. */
SEC("lsm/socket_accept")
int INSIDE_PROG(net_socket_accept, struct socket *socket)
{
	struct peer_request request = {};
	struct sock *sk = socket->sk;
	__u16 family = 0;

	if (!request_start(&request, socket, OP_LISTEN, HOOK_socket_accept, &family) &&
		!request.cell)
		return 0;
	if (sk && label_of_socket(sk) == request.cell)
		return 0;
	if (family == FAMILY_UNIX)
		return deny(request.cell, HOOK_socket_accept, OP_SOCKET, REASON_FOREIGN) ? -EPERM : 0;
	return decide_local(&request, socket, family);
}

/* The abstract name of a socket that has no path: the bytes behind the first NUL. False if it has one and
 * that cannot be read. */
static __always_inline bool abstract_name(struct unix_sock *socket, struct unix_text *text)
{
	/* Set once, when the socket is bound. Where it cannot be read there is no name, which is a deny. */
	__u64 address = FAULT(UNIX_UNNAMED, 0, (__u64)BPF_CORE_READ(socket, addr));
	const __u32 before = offsetof(struct sockaddr_un, sun_path) + 1;
	__u32 length = 0;
	char first = 0;

	if (!address)
		return true;
	address += bpf_core_field_offset(struct unix_address, name) + before;
	if (bpf_probe_read_kernel(&first, 1, FAULT(UNIX_ADDRESS, NULL, (void *)(address - 1))))
		return false;
	length = BPF_CORE_READ(socket, addr, len);
	/* A path that is gone by now, with its socket. */
	if (first || length < before)
		return true;
	text->name = address;
	text->length = length - before;
	return true;
}

/* What is known of the peer: 0: let it pass, as among tasks of one cell; 1: deny; UNIX_ASK: `request` has
 * the dentry that it is bound to, if any, or `text` its abstract name, and its cell. */
FRAME int unix_request(struct sock *peer, struct path_request *request, struct unix_text *text,
	enum ambit_hook hook)
{
	struct unix_sock *socket;

	request->cell = text->cell = cell_current();
	text->peer = label_of_socket(peer);
	if (!request->cell || text->peer == request->cell)
		return 0;
	request->hook = text->hook = hook;
	request->ops = BIT(OP_UNIX);
	socket = FAULT(UNIX_SOCK, NULL, bpf_skc_to_unix_sock(peer));
	request->dentry = socket ? (__u64)BPF_CORE_READ(socket, path.dentry) : 0;
	if (!socket || (!request->dentry && !abstract_name(socket, text)))
		return deny(request->cell, hook, OP_UNIX, REASON_UNREADABLE);
	return UNIX_ASK;
}

/*
 * By the peer's cell, if it is another one, and by its path or its abstract name: deny beats allow. Of a
 * task that may be in a cell; on the cell's mounts, since a server often has a mount namespace of its own.
 * INSIDE_PROG() would be a frame too many beneath decide_mounts() (meta.bpf.c).
 */
static __always_inline int unix_decide(struct sock *peer, enum ambit_hook hook)
{
	struct path_request request = {};
	struct unix_text text = {};
	int result = unix_request(peer, &request, &text, hook);

	if (result == UNIX_ASK && text.peer) {
		text.last = !request.dentry && !text.name;
		result = decide_text(&text);
	}
	if (result != UNIX_ASK && result != UNIX_LENT)
		return result ? -EPERM : 0;
	request.flags = result == UNIX_LENT ? REQUEST_PEER : 0;
	if (request.dentry)
		return decide_mounts(&request) ? -EPERM : 0;
	if (!text.name)
		return deny(request.cell, hook, OP_UNIX, REASON_NO_NAME) ? -EPERM : 0;
	text.peer = 0;
	text.last = 1;
	text.lent = result == UNIX_LENT;
	return decide_text(&text) ? -EPERM : 0;
}

SEC("lsm/unix_stream_connect")
int BPF_PROG(net_unix_stream_connect)
{
	if (OUTSIDE())
		return zero();
	return unix_decide((struct sock *)ctx[1], HOOK_unix_stream_connect);
}

/* datagram_peer() in a function of its own, so that nobody outside saves registers for it. */
SEC("lsm/unix_may_send")
int BPF_PROG(net_unix_may_send)
{
	struct sock *peer;

	if (OUTSIDE())
		return zero();
	peer = datagram_peer((struct socket *)ctx[0], (struct socket *)ctx[1]);
	return peer ? unix_decide(peer, HOOK_unix_may_send) : zero();
}
