/* SPDX-License-Identifier: BSD-3-Clause */
/* The server's TLS: the parameters tls-*, and the context made of them, which clients, replication,
 * the cluster's bus and MIGRATE share. It's made anew when a parameter changes; connections that
 * are there go on with the one that they have. */
#ifndef DREY_SERVER_SERVER_TLS_H
#define DREY_SERVER_SERVER_TLS_H

#include "exec/config.h"
#include "io/tls.h"

struct server;

struct server_tls {
    struct server *server;
    struct tls_context *context; /* NULL: nothing is to use TLS */

    /* Parameters. */
    int64_t port; /* 0: none */
    char *cert_file, *key_file, *key_pass;
    char *client_cert_file, *client_key_file, *client_key_pass;
    char *dh_params_file, *ca_file, *ca_dir;
    char *protocols, *ciphers, *ciphersuites;
    bool prefer_server_ciphers;
    bool session_caching;
    int64_t session_cache_size, session_cache_timeout; /* the latter in seconds */
    int auth_clients;                                  /* enum tls_verify */
    bool replication, cluster;                         /* over TLS */
};

/* Adds the parameters, as server_config_register does. `server` is the caller's to set, before any
 * is changed. */
void server_tls_register(struct config *cfg, struct server_tls *t);
/* The configuration is loaded: makes the context if there's use for one. False: the log has the
 * reason. */
bool server_tls_start(struct server *s);
void server_tls_release(struct server *s);

#endif
