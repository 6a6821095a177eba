
/*
 * What a new connection to Redis says before any event, and what has to be
 * answered to it.
 */


#include "ngx_mutt_redis.h"

#include "domain/mutt_keys.h"


static void
ngx_mutt_word(ngx_str_t *word)
{
    (void) ngx_mutt_redis_word(word->data, word->len);
}


static ngx_int_t
ngx_mutt_greeting_must(redisReply *reply)
{
    return reply->type == REDIS_REPLY_ERROR ? NGX_ERROR : NGX_OK;
}


/* A password that is refused gives way to the other, of the next connection. */
static ngx_int_t
ngx_mutt_greeting_auth(redisReply *reply)
{
    ngx_mutt_link_t  *link;

    link = &ngx_mutt_link;

    if (reply->type != REDIS_REPLY_ERROR) {
        return NGX_OK;
    }

    if (link->mcf->redis_passwords[!link->password].len > 0) {
        link->password = !link->password;
    }

    return NGX_ERROR;
}


/* Whether Redis still has what it had, before anything is added. */
static ngx_int_t
ngx_mutt_greeting_accepted(redisReply *reply)
{
    ngx_int_t  accepted;

    accepted = 0;

    if (reply->type == REDIS_REPLY_STRING) {
        accepted = ngx_atoi((u_char *) reply->str, reply->len);
    }

    if (accepted >= 0 && reply->type != REDIS_REPLY_ERROR) {
        ngx_mutt_witness(ngx_mutt_link.seen, accepted, 0);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mutt_greeting_settings(redisReply *reply)
{
    return ngx_mutt_live_told((struct redisReply *) reply);
}


static ngx_int_t
ngx_mutt_greeting_info(redisReply *reply)
{
    return ngx_mutt_durability_info((struct redisReply *) reply);
}


static ngx_int_t
ngx_mutt_greeting_fsync(redisReply *reply)
{
    return ngx_mutt_durability_fsync((struct redisReply *) reply);
}


static void
ngx_mutt_greeting(ngx_mutt_link_t *link, ngx_uint_t words,
    ngx_mutt_greeting_pt handler)
{
    (void) ngx_mutt_words(words);
    link->greetings[link->n_greetings++] = handler;
}


void
ngx_mutt_greet(ngx_mutt_link_t *link)
{
    ngx_str_t  *password;

    static ngx_str_t  auth = ngx_string("AUTH");
    static ngx_str_t  select = ngx_string("SELECT");
    static ngx_str_t  client = ngx_string("CLIENT");
    static ngx_str_t  setname = ngx_string("SETNAME");
    static ngx_str_t  name = ngx_string("mutt-nginx");

    password = &link->mcf->redis_passwords[link->password];

    if (password->len > 0) {
        ngx_mutt_greeting(link, 2, ngx_mutt_greeting_auth);
        ngx_mutt_word(&auth);
        ngx_mutt_word(password);
    }

    if (link->mcf->redis_db > 0) {
        ngx_mutt_greeting(link, 2, ngx_mutt_greeting_must);
        ngx_mutt_word(&select);
        (void) ngx_mutt_redis_int(link->mcf->redis_db);
    }

    ngx_mutt_greeting(link, 3, ngx_mutt_greeting_must);
    ngx_mutt_word(&client);
    ngx_mutt_word(&setname);
    ngx_mutt_word(&name);

    ngx_mutt_greeting(link, 3, ngx_mutt_greeting_must);
    ngx_mutt_load_words();

    ngx_mutt_greeting(link, ngx_mutt_live_words(), ngx_mutt_greeting_settings);
    ngx_mutt_live_write();

    link->seen = ngx_mutt_witnessed();
    ngx_mutt_greeting(link, 3, ngx_mutt_greeting_accepted);
    ngx_mutt_redis_text("HGET");
    ngx_mutt_redis_text(mutt_keys[MUTT_KEY_LEDGER]);
    ngx_mutt_redis_text("accepted");

    ngx_mutt_greeting(link, 1, ngx_mutt_greeting_info);
    ngx_mutt_redis_text("INFO");

    ngx_mutt_greeting(link, 3, ngx_mutt_greeting_fsync);
    ngx_mutt_redis_text("CONFIG");
    ngx_mutt_redis_text("GET");
    ngx_mutt_redis_text("*appendfsync*");

    ngx_mutt_greeting(link, 1, ngx_mutt_clock_told);
    ngx_mutt_redis_text("TIME");
}
