/* SPDX-License-Identifier: BSD-3-Clause */
#include "io/tls_context.h"

#include <errno.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/slice.h"
#include "io/tls.h"

/* Memory. */

static void *take(size_t size, const char *file, int line) {
    return size ? mem_alloc(size) : NULL;
}

static void *resize(void *memory, size_t size, const char *file, int line) {
    if (size) return mem_realloc(memory, size);
    mem_free(memory);
    return NULL;
}

static void give_back(void *memory, const char *file, int line) {
    mem_free(memory);
}

void tls_count_memory(void) {
    CRYPTO_set_mem_functions(take, resize, give_back);
}

/* Failing. */

/* "what: OpenSSL's reason", the first of them, as Redis says it. */
static bool refuse(struct buf *why, const char *what) {
    char text[256];
    ERR_error_string_n(ERR_peek_error(), text, sizeof text);
    buf_appendf(why, "%s: %s", what, text);
    return false;
}

static bool refuse_file(struct buf *why, const char *what, const char *path) {
    char text[256];
    ERR_error_string_n(ERR_peek_error(), text, sizeof text);
    buf_appendf(why, "%s: %s: %s", what, path, text);
    return false;
}

/* Protocols. */

static const struct {
    const char *name;
    uint64_t without;
} protocols[] = {
    {"TLSv1", SSL_OP_NO_TLSv1},
    {"TLSv1.1", SSL_OP_NO_TLSv1_1},
    {"TLSv1.2", SSL_OP_NO_TLSv1_2},
    {"TLSv1.3", SSL_OP_NO_TLSv1_3},
};
enum { PROTOCOLS = sizeof protocols / sizeof *protocols };

/* Takes the protocol that the word names out of `without`. */
static bool allow(uint64_t *without, const char *word, size_t len) {
    for (size_t i = 0; i < PROTOCOLS; i++) {
        if (strlen(protocols[i].name) != len || strncasecmp(protocols[i].name, word, len) != 0)
            continue;
        *without &= ~protocols[i].without;
        return true;
    }
    return false;
}

/* Words between spaces; none given: 1.2 and 1.3. */
static bool set_protocols(SSL_CTX *side, const char *words, struct buf *why) {
    uint64_t without = SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1;
    if (words && *words) without |= SSL_OP_NO_TLSv1_2 | SSL_OP_NO_TLSv1_3;
    for (const char *at = words ? words : ""; *at;) {
        size_t len = strcspn(at, " ");
        if (len && !allow(&without, at, len)) {
            buf_append_str(why, "Invalid tls-protocols specified. Use a combination of 'TLSv1', "
                                "'TLSv1.1', 'TLSv1.2' and 'TLSv1.3'.");
            return false;
        }
        at += len + (at[len] == ' ');
    }
    SSL_CTX_set_options(side, SSL_OP_NO_SSLv3 | without);
    return true;
}

/* Keys. */

/* Without a passphrase a key that needs one is refused: nobody would answer if it were asked for.
 */
static int give_passphrase(char *to, int size, int writing, void *passphrase) {
    size_t len = passphrase ? strlen(passphrase) : 0;
    if (len > (size_t)size) return -1;
    memcpy(to, passphrase ? passphrase : "", len);
    return (int)len;
}

static bool load_pair(SSL_CTX *side, const char *cert_file, const char *key_file,
                      const char *passphrase, struct buf *why) {
    SSL_CTX_set_default_passwd_cb(side, give_passphrase);
    SSL_CTX_set_default_passwd_cb_userdata(side, (void *)(uintptr_t)passphrase);
    bool loaded = false;
    if (SSL_CTX_use_certificate_chain_file(side, cert_file) <= 0)
        refuse_file(why, "Failed to load certificate", cert_file);
    else if (SSL_CTX_use_PrivateKey_file(side, key_file, SSL_FILETYPE_PEM) <= 0)
        refuse_file(why, "Failed to load private key", key_file);
    else
        loaded = true;
    SSL_CTX_set_default_passwd_cb_userdata(side, NULL); /* it's borrowed */
    return loaded;
}

static bool load_dh_params(SSL_CTX *side, const char *path, struct buf *why) {
    FILE *file = fopen(path, "r");
    if (!file) {
        buf_appendf(why, "Failed to load %s: %s", path, strerror(errno));
        return false;
    }
    EVP_PKEY *params = NULL;
    OSSL_DECODER_CTX *decoder = OSSL_DECODER_CTX_new_for_pkey(
        &params, "PEM", NULL, "DH", OSSL_KEYMGMT_SELECT_DOMAIN_PARAMETERS, NULL, NULL);
    bool read = decoder && OSSL_DECODER_from_fp(decoder, file) == 1;
    OSSL_DECODER_CTX_free(decoder);
    fclose(file);
    if (!read) {
        EVP_PKEY_free(params);
        buf_appendf(why, "%s: failed to read DH params.", path);
        return false;
    }
    if (SSL_CTX_set0_tmp_dh_pkey(side, params) == 1) return true;
    EVP_PKEY_free(params);
    return refuse(why, "Failed to load DH params file");
}

/* The two ends. */

/* Renegotiation is a way to make the other side work, compression one to guess secrets; neither is
 * of use here. As peers of old just close, an end without goodbye is an end: requests and replies
 * have lengths. */
enum { OPTIONS = SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF };

static void set_modes(SSL_CTX *side) {
    SSL_CTX_set_options(side, OPTIONS);
    SSL_CTX_set_mode(side, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                               SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(side, 1);
}

static bool set_trust(SSL_CTX *side, const struct tls_options *o, struct buf *why) {
    SSL_CTX_set_verify(side, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    if (!o->ca_file && !o->ca_dir) return true;
    if (SSL_CTX_load_verify_locations(side, o->ca_file, o->ca_dir) == 1) return true;
    return refuse(why, "Failed to configure CA certificate(s) file/directory");
}

static bool set_ciphers(SSL_CTX *side, const struct tls_options *o, struct buf *why) {
    if (o->ciphers && SSL_CTX_set_cipher_list(side, o->ciphers) != 1) {
        buf_appendf(why, "Failed to configure ciphers: %s", o->ciphers);
        return false;
    }
    if (o->ciphersuites && SSL_CTX_set_ciphersuites(side, o->ciphersuites) != 1) {
        buf_appendf(why, "Failed to configure ciphersuites: %s", o->ciphersuites);
        return false;
    }
    return true;
}

/* The identifier keeps sessions of a client that has shown a certificate within this server. */
static void set_sessions(SSL_CTX *side, const struct tls_options *o) {
    static const unsigned char id[] = "drey";
    SSL_CTX_set_session_id_context(side, id, sizeof id - 1);
    if (!o->cache_sessions) {
        SSL_CTX_set_session_cache_mode(side, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_options(side, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(side, 0);
        return;
    }
    SSL_CTX_set_session_cache_mode(side, SSL_SESS_CACHE_SERVER);
    SSL_CTX_sess_set_cache_size(side, (long)o->cache_size);
    SSL_CTX_set_timeout(side, (long)o->cache_timeout_s);
}

static SSL_CTX *new_side(const struct tls_options *o, bool accepts, struct buf *why) {
    bool own = !accepts && o->client_cert_file && o->client_key_file;
    SSL_CTX *side = SSL_CTX_new(accepts ? TLS_server_method() : TLS_client_method());
    bool ok = side ? set_protocols(side, o->protocols, why) : refuse(why, "Failed to set up TLS");
    if (ok) {
        set_modes(side);
        ok = own ? load_pair(side, o->client_cert_file, o->client_key_file, o->client_key_pass, why)
                 : load_pair(side, o->cert_file, o->key_file, o->key_pass, why);
    }
    if (ok && set_trust(side, o, why) && set_ciphers(side, o, why)) return side;
    SSL_CTX_free(side);
    return NULL;
}

static SSL_CTX *new_accepting(const struct tls_options *o, struct buf *why) {
    SSL_CTX *side = new_side(o, true, why);
    if (!side) return NULL;
    set_sessions(side, o);
    if (o->prefer_server_ciphers) SSL_CTX_set_options(side, SSL_OP_CIPHER_SERVER_PREFERENCE);
    if (!o->dh_params_file) {
        SSL_CTX_set_dh_auto(side, 1);
    } else if (!load_dh_params(side, o->dh_params_file, why)) {
        SSL_CTX_free(side);
        return NULL;
    }
    return side;
}

static const char *missing(const struct tls_options *o) {
    if (!o->cert_file) return "No tls-cert-file configured!";
    if (!o->key_file) return "No tls-key-file configured!";
    if (o->needs_ca && !o->ca_file && !o->ca_dir)
        return "Either tls-ca-cert-file or tls-ca-cert-dir must be specified when tls-cluster, "
               "tls-replication or tls-auth-clients are enabled!";
    return NULL;
}

struct tls_context *tls_context_new(const struct tls_options *o, struct buf *why) {
    const char *lack = missing(o);
    if (lack) {
        buf_append_str(why, lack);
        return NULL;
    }
    struct tls_context *context = mem_zalloc(sizeof *context);
    atomic_init(&context->holders, 1);
    ERR_clear_error();
    context->accepting = new_accepting(o, why);
    context->connecting = context->accepting ? new_side(o, false, why) : NULL;
    context->socket = tls_socket_method();
    bool ok = context->connecting && context->socket;
    ERR_clear_error();
    if (ok) return context;
    tls_context_unref(context);
    return NULL;
}

struct tls_context *tls_context_ref(struct tls_context *context) {
    atomic_fetch_add(&context->holders, 1);
    return context;
}

void tls_context_unref(struct tls_context *context) {
    if (!context || atomic_fetch_sub(&context->holders, 1) > 1) return;
    SSL_CTX_free(context->accepting);
    SSL_CTX_free(context->connecting);
    BIO_meth_free(context->socket);
    mem_free(context);
}
