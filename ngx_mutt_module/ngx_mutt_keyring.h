
/*
 * The named keys that are good now, in shared memory: read from PostgreSQL by
 * one worker at a time, seen by all of them with their next request, and good
 * while PostgreSQL is away.
 */


#ifndef _NGX_MUTT_KEYRING_H_INCLUDED_
#define _NGX_MUTT_KEYRING_H_INCLUDED_


#include "ngx_mutt_module.h"


#define NGX_MUTT_KEYS_MAX      4096
#define NGX_MUTT_KEY_NAME_MAX  64


typedef struct {
    int64_t            id;
    char               name[NGX_MUTT_KEY_NAME_MAX + 1];
    ngx_uint_t         scopes;
    time_t             expires;    /* 0: never */
    ngx_int_t          limit;      /* events a minute; 0: none of its own */
    u_char             digest[MUTT_SHA256_LEN];
} ngx_mutt_named_key_t;


/* a key's last use, as far as PostgreSQL knows it or is about to */
typedef struct {
    int64_t            id;
    time_t             at;
} ngx_mutt_key_use_t;


char *ngx_mutt_keyring_zone(ngx_conf_t *cf, ngx_mutt_main_conf_t *mcf);
void ngx_mutt_keyring_attach(ngx_mutt_main_conf_t *mcf);

/* Whether it is for this worker to ask now; at once: whoever's turn it is. */
ngx_flag_t ngx_mutt_keyring_turn(ngx_msec_t interval, ngx_flag_t at_once);

/* Leaves the turn to whoever comes next, since the question has failed. */
void ngx_mutt_keyring_yield(void);

/* The number of a question, to be given with its answer. */
ngx_uint_t ngx_mutt_keyring_ask(void);

/*
 * Replaces all keys, which are in the order of their digests, unless a later
 * question has been answered already.
 */
void ngx_mutt_keyring_publish(ngx_uint_t question,
    const ngx_mutt_named_key_t *keys, ngx_uint_t n);

/* The key of a digest, or of an id; NULL: none.  Good until the next call. */
const ngx_mutt_named_key_t *ngx_mutt_keyring_find(const u_char *digest);
const ngx_mutt_named_key_t *ngx_mutt_keyring_by_id(int64_t id);

/* Notes that a key was used; at most a store to shared memory. */
void ngx_mutt_keyring_used(const ngx_mutt_named_key_t *key);

/*
 * The uses that are to be written now, at most n; they count as written until
 * they are forgotten.
 */
ngx_uint_t ngx_mutt_keyring_uses(ngx_mutt_key_use_t *uses, ngx_uint_t n);
void ngx_mutt_keyring_forget(const ngx_mutt_key_use_t *uses, ngx_uint_t n);


#endif /* _NGX_MUTT_KEYRING_H_INCLUDED_ */
