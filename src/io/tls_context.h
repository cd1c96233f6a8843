/* SPDX-License-Identifier: BSD-3-Clause */
/* What the configuration says about TLS, ready for connections: certificates and keys, whom to
 * trust, protocols and ciphers, for both ends. Connections hold on to the context that they were
 * made with, so another one can take its place at any time. */
#ifndef DREY_IO_TLS_CONTEXT_H
#define DREY_IO_TLS_CONTEXT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* Paths, words and lists as the parameters tls-* have them; NULL: not given. Borrowed. */
struct tls_options {
    const char *cert_file, *key_file, *key_pass;
    const char *client_cert_file, *client_key_file, *client_key_pass; /* not both: the above */
    const char *dh_params_file, *ca_file, *ca_dir;
    const char *protocols, *ciphers, *ciphersuites;
    bool needs_ca; /* certificates of others are asked for */
    bool prefer_server_ciphers;
    bool cache_sessions;
    int64_t cache_size, cache_timeout_s;
};

struct tls_context {
    struct ssl_ctx_st *accepting, *connecting; /* OpenSSL's, for the two ends */
    struct bio_method_st *socket;              /* how its connections get at their sockets */
    atomic_uint holders;
};

/* OpenSSL's memory is counted as all other (base/alloc.h), in the whole process. Before anything of
 * OpenSSL is used, or else it isn't. */
void tls_count_memory(void);

/* NULL: `why` has the line for the log. Reads files. */
struct tls_context *tls_context_new(const struct tls_options *options, struct buf *why);

/* One more, and one less, who holds on to it; in any thread. */
struct tls_context *tls_context_ref(struct tls_context *context);
void tls_context_unref(struct tls_context *context); /* NULL is fine */

#endif
