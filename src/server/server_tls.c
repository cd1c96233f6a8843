/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/server_tls.h"

#include <limits.h>

#include "server/server.h"

#define TLS "TLS"

static const struct config_word auth_words[] = {
    {"no", TLS_VERIFY_NO}, {"yes", TLS_VERIFY_YES}, {"optional", TLS_VERIFY_OPTIONAL}, {NULL, 0}};

/* The context. */

static struct tls_options options_of(const struct server_tls *t) {
    return (struct tls_options){
        .cert_file = t->cert_file,
        .key_file = t->key_file,
        .key_pass = t->key_pass,
        .client_cert_file = t->client_cert_file,
        .client_key_file = t->client_key_file,
        .client_key_pass = t->client_key_pass,
        .dh_params_file = t->dh_params_file,
        .ca_file = t->ca_file,
        .ca_dir = t->ca_dir,
        .protocols = t->protocols,
        .ciphers = t->ciphers,
        .ciphersuites = t->ciphersuites,
        .needs_ca = t->auth_clients != TLS_VERIFY_NO || t->replication || t->cluster,
        .prefer_server_ciphers = t->prefer_server_ciphers,
        .cache_sessions = t->session_caching,
        .cache_size = t->session_cache_size,
        .cache_timeout_s = t->session_cache_timeout,
    };
}

/* What is there stays if that fails; what nobody is to use goes. */
static bool renew_context(struct server_tls *t) {
    struct tls_context *context = NULL;
    if (t->port || t->replication || t->cluster) {
        struct tls_options options = options_of(t);
        struct buf why = BUF_INIT;
        context = tls_context_new(&options, &why);
        if (!context) log_warning(&t->server->log, "%s", why.data);
        buf_release(&why);
        if (!context) return false;
    }
    tls_context_unref(t->context);
    t->context = context;
    return true;
}

bool server_tls_start(struct server *s) {
    if (renew_context(&s->tls)) return true;
    log_warning(&s->log, "Failed to configure TLS. Check logs for more info.");
    return false;
}

void server_tls_release(struct server *s) {
    tls_context_unref(s->tls.context);
    s->tls.context = NULL;
}

/* Parameters. */

static bool refuse(const struct config_change *change, const char *reason) {
    buf_append_str(change->why, reason);
    return false;
}

static bool apply_context(const struct config_change *change) {
    return renew_context(change->owner) ||
           refuse(change, "Unable to update TLS configuration. Check server logs.");
}

/* A context that is there is as the other parameters say: their hook sees to that. */
static bool apply_port(const struct config_change *change) {
    struct server_tls *t = change->owner;
    if (!t->context && !renew_context(t))
        return refuse(change, "Unable to update TLS configuration. Check server logs.");
    struct buf reason = BUF_INIT; /* is in the log */
    bool listening = listeners_reopen(t->server, LISTENER_TLS, &reason);
    buf_release(&reason);
    return listening || refuse(change, "Unable to listen on this port. Check server logs.");
}

#define STRING(field) CONFIG_STRING(struct server_tls, field)
#define BOOL(field)   CONFIG_BOOL(struct server_tls, field)
/* Files may have changed though their names haven't. */
#define A_FILE        .flags = CONFIG_EMPTY_IS_NULL | CONFIG_VOLATILE, .apply = apply_context
#define A_SECRET                                                                                   \
    .flags = CONFIG_EMPTY_IS_NULL | CONFIG_VOLATILE | CONFIG_SENSITIVE, .apply = apply_context
#define A_LIST .flags = CONFIG_EMPTY_IS_NULL, .apply = apply_context

static const struct config_param rows[] = {
    {"tls-port", CONFIG_INT(struct server_tls, port, 0, 65535), "0", .group = TLS,
     .apply = apply_port, .about = "Port for TLS; 0 for none."},
    {"tls-cert-file", STRING(cert_file), NULL, .group = TLS, A_FILE,
     .about = "Certificate of the server (PEM), with those between it and its root, if any."},
    {"tls-key-file", STRING(key_file), NULL, .group = TLS, A_FILE, .about = "Its private key."},
    {"tls-key-file-pass", STRING(key_pass), NULL, .group = TLS, A_SECRET,
     .about = "Passphrase of the key."},
    {"tls-client-cert-file", STRING(client_cert_file), NULL, .group = TLS, A_FILE,
     .about = "Certificate to show to other servers; without it, that of the server."},
    {"tls-client-key-file", STRING(client_key_file), NULL, .group = TLS, A_FILE,
     .about = "Its private key."},
    {"tls-client-key-file-pass", STRING(client_key_pass), NULL, .group = TLS, A_SECRET,
     .about = "Passphrase of that key."},
    {"tls-dh-params-file", STRING(dh_params_file), NULL, .group = TLS, A_FILE,
     .about = "Parameters of Diffie-Hellman, up to TLS 1.2; without it, fitting ones are taken."},
    {"tls-ca-cert-file", STRING(ca_file), NULL, .group = TLS, A_FILE,
     .about = "Certificates of those who are trusted to sign others."},
    {"tls-ca-cert-dir", STRING(ca_dir), NULL, .group = TLS, A_FILE,
     .about = "Folder of such certificates, named by their hashes (openssl rehash)."},
    {"tls-auth-clients", CONFIG_ENUM(struct server_tls, auth_clients, auth_words), "yes",
     .group = TLS, .about = "Whether clients need certificates: yes, no, or optional."},
    {"tls-replication", BOOL(replication), "no", .group = TLS, .apply = apply_context,
     .about = "Connect to the primary by TLS."},
    {"tls-cluster", BOOL(cluster), "no", .group = TLS, .apply = apply_context,
     .about = "Use TLS on the cluster's bus, and for MIGRATE."},
    {"tls-protocols", STRING(protocols), NULL, .group = TLS, A_LIST,
     .about = "Versions to speak, of TLSv1, TLSv1.1, TLSv1.2, TLSv1.3; without it the last two."},
    {"tls-ciphers", STRING(ciphers), NULL, .group = TLS, A_LIST,
     .about = "Ciphers up to TLS 1.2, as openssl-ciphers(1) has it."},
    {"tls-ciphersuites", STRING(ciphersuites), NULL, .group = TLS, A_LIST,
     .about = "Ciphers of TLS 1.3."},
    {"tls-prefer-server-ciphers", BOOL(prefer_server_ciphers), "no", .group = TLS,
     .apply = apply_context, .about = "Choose ciphers by the order of the server."},
    {"tls-session-caching", BOOL(session_caching), "yes", .group = TLS, .apply = apply_context,
     .about = "Let clients that come back resume their session."},
    {"tls-session-cache-size", CONFIG_INT(struct server_tls, session_cache_size, 0, INT_MAX),
     "20480", .group = TLS, .apply = apply_context,
     .about = "Sessions to remember (up to TLS 1.2, without tickets); 0 for no limit."},
    {"tls-session-cache-timeout", CONFIG_INT(struct server_tls, session_cache_timeout, 0, INT_MAX),
     "300", .group = TLS, .apply = apply_context,
     .about = "Seconds for which a session can be resumed."},
};

void server_tls_register(struct config *cfg, struct server_tls *t) {
    config_register(cfg, rows, sizeof rows / sizeof *rows, t);
}
