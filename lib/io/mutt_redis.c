#include "mutt_redis.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include <hiredis/hiredis.h>
#include <hiredis/read.h>

#include "core/mutt_failpoint.h"
#include "core/mutt_pool.h"
#include "core/mutt_time.h"
#include "mutt_transport.h"

#define READ_SIZE 65536
#define NAME_SIZE 256
#define REPLY_BLOCK 65536
#define ARGS_MAX 65536

/* a megabyte a second is not late, however large the whole is */
#define USEC_PER_BYTE 1

/* timeouts that a call may take after others took too long, and how many
 * scripts have to be answered in time until it is one again */
#define PATIENCE_MAX 8
#define CALM 10

/* A script that was called and has not answered yet. */
typedef struct {
    mutt_script_t script;
    mutt_usec_t deadline;
} begun_t;

struct mutt_redis_s {
    const mutt_settings_t *settings;
    char name[NAME_SIZE];
    char host[NAME_SIZE];
    char path[NAME_SIZE];
    char password[NAME_SIZE]; /* from the URL */
    int port;
    int db;
    bool tls;
    mutt_transport_t *transport;
    redisReader *reader;
    redisReply *last;
    mutt_pool_t *pool; /* of the last reply */
    char sha[MUTT_SCRIPT_COUNT][41];
    char *input;
    begun_t begun[MUTT_REDIS_BEGUN]; /* the first of them first */
    size_t n_begun;
    unsigned patience; /* a call may take so many timeouts */
    unsigned calm;     /* scripts answered in time since the last that wasn't */
};


static bool
set_text(char *out, const char *from, size_t len)
{
    if (len >= NAME_SIZE) {
        return false;
    }

    memcpy(out, from, len);
    out[len] = '\0';

    return true;
}


/* redis://[user:password@]host[:port][/db], rediss://, unix:///path */
static bool
parse_url(mutt_redis_t *r, const char *url)
{
    if (strncmp(url, "unix://", 7) == 0) {
        size_t len = strcspn(url + 7, "?");

        r->host[0] = '\0';

        return set_text(r->path, url + 7, len);
    }

    r->tls = strncmp(url, "rediss://", 9) == 0;

    if (!r->tls && strncmp(url, "redis://", 8) != 0) {
        return false;
    }

    const char *p = url + (r->tls ? 9 : 8);
    const char *at = strrchr(p, '@');

    if (at != NULL) {
        const char *colon = memchr(p, ':', (size_t) (at - p));
        const char *password = colon == NULL ? p : colon + 1;

        if (!set_text(r->password, password, (size_t) (at - password))) {
            return false;
        }

        p = at + 1;
    }

    size_t len = strcspn(p, ":/");

    if (len > 0 && !set_text(r->host, p, len)) {
        return false;
    }

    p += len;

    if (*p == ':') {
        r->port = (int) strtol(p + 1, NULL, 10);
        p += strcspn(p, "/");
    }

    if (*p == '/' && p[1] != '\0') {
        r->db = (int) strtol(p + 1, NULL, 10);
    }

    return r->port > 0 && r->port < 65536 && r->db >= 0;
}


mutt_redis_t *
mutt_redis_create(const mutt_settings_t *settings, const char *name)
{
    mutt_redis_t *r = calloc(1, sizeof(mutt_redis_t));

    if (r == NULL) {
        return NULL;
    }

    const char *url = mutt_set_text(settings, MUTT_SET_REDIS_URL);

    r->settings = settings;
    r->patience = 1;
    r->port = (int) mutt_set_int(settings, MUTT_SET_REDIS_PORT);
    r->db = (int) mutt_set_int(settings, MUTT_SET_REDIS_DB);
    r->tls = mutt_set_bool(settings, MUTT_SET_REDIS_TLS_ENABLED);
    (void) snprintf(r->name, sizeof(r->name), "%s", name);
    (void) snprintf(r->host, sizeof(r->host), "%s",
                    mutt_set_text(settings, MUTT_SET_REDIS_HOST));

    r->pool = mutt_pool_create(REPLY_BLOCK);
    r->input = malloc(READ_SIZE);

    if (r->pool == NULL || r->input == NULL ||
        (url[0] != '\0' && !parse_url(r, url))) {
        mutt_redis_destroy(r);
        return NULL;
    }

    return r;
}


void
mutt_redis_destroy(mutt_redis_t *redis)
{
    if (redis == NULL) {
        return;
    }

    mutt_redis_close(redis);
    mutt_pool_destroy(redis->pool);
    free(redis->input);
    explicit_bzero(redis->password, sizeof(redis->password));
    free(redis);
}


bool
mutt_redis_connected(const mutt_redis_t *redis)
{
    return redis->transport != NULL;
}


int
mutt_redis_fd(const mutt_redis_t *redis)
{
    return redis->transport == NULL ? -1 : mutt_transport_fd(redis->transport);
}


static void
drop_reply(mutt_redis_t *r)
{
    if (r->last != NULL) {
        freeReplyObject(r->last);
        r->last = NULL;
    }

    mutt_pool_reset(r->pool);
}


void
mutt_redis_close(mutt_redis_t *redis)
{
    if (redis->reader != NULL) {
        drop_reply(redis);
        redisReaderFree(redis->reader);
        redis->reader = NULL;
    }

    mutt_transport_close(redis->transport);
    redis->transport = NULL;
    redis->n_begun = 0;
}


static mutt_rc_t
lost(mutt_redis_t *r, mutt_rc_t rc, const mutt_err_t *why, mutt_err_t *err)
{
    mutt_redis_close(r);

    /* what takes this long may take longer still: it must not be given up
     * for ever */
    if (rc == MUTT_TIMEOUT) {
        r->calm = 0;
        r->patience =
            r->patience * 2 > PATIENCE_MAX ? PATIENCE_MAX : r->patience * 2;
    }

    return mutt_fail(err, rc, "redis %s: %.180s", r->name, why->text);
}


/* A reply that takes more memory than there is will the next time too. */
static mutt_rc_t
bad_reply(mutt_redis_t *r, mutt_err_t *err)
{
    mutt_err_t why;
    mutt_rc_t rc = r->reader->err == REDIS_ERR_OOM ? MUTT_NOMEM : MUTT_UNAVAIL;

    (void) mutt_fail(&why, rc, "%s",
                     rc == MUTT_NOMEM ? "out of memory for a reply"
                                      : "bad reply");

    return lost(r, rc, &why, err);
}


/* One reply, whole, in r->last. */
static mutt_rc_t
read_reply(mutt_redis_t *r, mutt_usec_t deadline, mutt_err_t *err)
{
    mutt_err_t why;

    for (;;) {
        void *reply = NULL;

        if (redisReaderGetReply(r->reader, &reply) != REDIS_OK) {
            return bad_reply(r, err);
        }

        mutt_rc_t rc;

        if (reply != NULL) {
            r->last = reply;
            rc = MUTT_FAILPOINT("redis.replied", &why);
            return rc == MUTT_OK ? MUTT_OK : lost(r, rc, &why, err);
        }

        size_t n;

        rc = mutt_transport_receive(r->transport, r->input, READ_SIZE, &n,
                                    deadline, &why);

        if (rc != MUTT_OK) {
            return lost(r, rc, &why, err);
        }

        deadline += (mutt_usec_t) n * USEC_PER_BYTE;

        if (redisReaderFeed(r->reader, r->input, n) != REDIS_OK) {
            return bad_reply(r, err);
        }
    }
}


static bool
convert(mutt_pool_t *pool, const redisReply *from, mutt_reply_t *to)
{
    to->integer = from->integer;
    to->str = (mutt_str_t) { from->str == NULL ? "" : from->str,
                             from->str == NULL ? 0 : from->len };
    to->n = 0;
    to->items = NULL;

    switch (from->type) {
    case REDIS_REPLY_INTEGER:
        to->type = MUTT_REPLY_INT;
        return true;
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
        to->type = MUTT_REPLY_STRING;
        return true;
    case REDIS_REPLY_ERROR:
        to->type = MUTT_REPLY_ERROR;
        return true;
    case REDIS_REPLY_ARRAY:
        break;
    default:
        to->type = MUTT_REPLY_NIL;
        return true;
    }

    to->type = MUTT_REPLY_ARRAY;
    to->n = from->elements;
    to->items = mutt_pool_alloc(pool, (to->n + 1) * sizeof(mutt_reply_t *));

    mutt_reply_t *items =
        mutt_pool_alloc(pool, (to->n + 1) * sizeof(mutt_reply_t));

    if (to->items == NULL || items == NULL) {
        return false;
    }

    for (size_t i = 0; i < to->n; i++) {
        to->items[i] = &items[i];

        if (!convert(pool, from->element[i], &items[i])) {
            return false;
        }
    }

    return true;
}


/* Errors that say this server is not one to talk to now. */
static bool
fatal_error(const mutt_reply_t *reply)
{
    static const char *const words[] = { "READONLY ", "LOADING ", "MASTERDOWN ",
                                         "NOAUTH ", "NOPERM " };

    if (reply->type != MUTT_REPLY_ERROR) {
        return false;
    }

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strncmp(reply->str.data, words[i], strlen(words[i])) == 0) {
            return true;
        }
    }

    return false;
}


static mutt_rc_t
send_command(mutt_redis_t *r, size_t argc, const mutt_str_t *argv,
             mutt_usec_t *deadline, mutt_err_t *err)
{
    if (argc > ARGS_MAX) {
        return mutt_fail(err, MUTT_BUG, "redis: %zu arguments", argc);
    }

    const char **words = mutt_pool_alloc(r->pool, argc * sizeof(char *));
    size_t *lens = mutt_pool_alloc(r->pool, argc * sizeof(size_t));

    if (words == NULL || lens == NULL) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for a command");
    }

    for (size_t i = 0; i < argc; i++) {
        words[i] = argv[i].data;
        lens[i] = argv[i].len;
    }

    char *text;
    int len = redisFormatCommandArgv(&text, (int) argc, words, lens);

    if (len < 0) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for a command");
    }

    *deadline += (mutt_usec_t) len * USEC_PER_BYTE;

    mutt_err_t why;
    mutt_rc_t rc = MUTT_FAILPOINT("redis.send", &why);

    if (rc == MUTT_OK) {
        rc = mutt_transport_send(
            r->transport, (mutt_str_t) { text, (size_t) len }, *deadline, &why);
    }

    if (rc == MUTT_OK) {
        rc = MUTT_FAILPOINT("redis.sent", &why);
    }

    free(text);

    return rc == MUTT_OK ? MUTT_OK : lost(r, rc, &why, err);
}


/* Reads a reply and turns it into ours. */
static mutt_rc_t
take_reply(mutt_redis_t *r, mutt_usec_t deadline, const mutt_reply_t **reply,
           mutt_err_t *err)
{
    mutt_rc_t rc = read_reply(r, deadline, err);

    if (rc != MUTT_OK) {
        return rc;
    }

    mutt_reply_t *converted = mutt_pool_alloc(r->pool, sizeof(mutt_reply_t));

    if (converted == NULL || !convert(r->pool, r->last, converted)) {
        return mutt_fail(err, MUTT_NOMEM, "out of memory for a reply");
    }

    if (fatal_error(converted)) {
        mutt_err_t why;

        (void) mutt_fail(&why, MUTT_UNAVAIL, "%.150s", converted->str.data);
        return lost(r, MUTT_UNAVAIL, &why, err);
    }

    *reply = converted;

    return MUTT_OK;
}


static mutt_usec_t
deadline_of(const mutt_redis_t *r, unsigned extra_ms)
{
    int64_t ms = mutt_set_int(r->settings, MUTT_SET_REDIS_TIMEOUT_MS);

    return mutt_time_mono() + (ms * r->patience + extra_ms) * 1000;
}


static mutt_rc_t
not_connected(const mutt_redis_t *r, mutt_err_t *err)
{
    return mutt_fail(err, MUTT_UNAVAIL, "redis %s: not connected", r->name);
}


bool
mutt_redis_pending(const mutt_redis_t *redis)
{
    return redis->reader != NULL && redis->reader->len > redis->reader->pos;
}


mutt_rc_t
mutt_redis_receive(mutt_redis_t *redis, const mutt_reply_t **reply,
                   mutt_err_t *err)
{
    if (redis->transport == NULL) {
        return not_connected(redis, err);
    }

    drop_reply(redis);

    return take_reply(redis, deadline_of(redis, 0), reply, err);
}


mutt_rc_t
mutt_redis_call(mutt_redis_t *redis, size_t argc, const mutt_str_t *argv,
                unsigned extra_ms, const mutt_reply_t **reply, mutt_err_t *err)
{
    /* its reply would be taken for another's */
    if (redis->n_begun > 0) {
        mutt_redis_close(redis);
    }

    if (redis->transport == NULL) {
        return not_connected(redis, err);
    }

    mutt_usec_t deadline = deadline_of(redis, extra_ms);

    drop_reply(redis);

    mutt_rc_t rc = send_command(redis, argc, argv, &deadline, err);

    return rc == MUTT_OK ? take_reply(redis, deadline, reply, err) : rc;
}


static mutt_rc_t
expect_ok(mutt_redis_t *r, size_t argc, const mutt_str_t *argv, mutt_err_t *err)
{
    const mutt_reply_t *reply;
    mutt_rc_t rc = mutt_redis_call(r, argc, argv, 0, &reply, err);

    /* NOLINTNEXTLINE(clang-analyzer-*): mutt_fail() never returns MUTT_OK. */
    if (rc == MUTT_OK && reply->type == MUTT_REPLY_ERROR) {
        rc = mutt_fail(err, MUTT_UNAVAIL, "redis %s: %.*s: %.150s", r->name,
                       MUTT_STR_ARG(argv[0]), reply->str.data);
        mutt_redis_close(r);
    }

    return rc;
}


static mutt_rc_t
open_transport(mutt_redis_t *r, mutt_err_t *err)
{
    mutt_address_t address = {
        .host = r->path[0] == '\0' ? r->host : NULL,
        .port = r->port,
        .path = r->path,
        .tls = r->tls,
        .ca = mutt_set_text(r->settings, MUTT_SET_REDIS_CA_CERT_PATH),
    };
    mutt_err_t why = { 0 };
    int64_t ms = mutt_set_int(r->settings, MUTT_SET_REDIS_TIMEOUT_MS);

    mutt_redis_close(r);

    if (MUTT_FAILPOINT("redis.connect", &why) == MUTT_OK) {
        r->transport =
            mutt_transport_open(&address, mutt_time_mono() + ms * 1000, &why);
    }

    if (r->transport == NULL) {
        return mutt_fail(err, why.rc, "redis %s: %.180s", r->name, why.text);
    }

    r->reader = redisReaderCreate();

    if (r->reader == NULL) {
        mutt_redis_close(r);
        return mutt_fail(err, MUTT_NOMEM, "out of memory for a reader");
    }

    return MUTT_OK;
}


/* Opens a connection and authenticates with one password. */
static mutt_rc_t
log_in(mutt_redis_t *r, const char *password, mutt_err_t *err)
{
    mutt_rc_t rc = open_transport(r, err);

    if (rc != MUTT_OK || password[0] == '\0') {
        return rc;
    }

    return expect_ok(
        r, 2, (mutt_str_t[]) { MUTT_STR("AUTH"), mutt_str(password) }, err);
}


mutt_rc_t
mutt_redis_connect(mutt_redis_t *redis, mutt_err_t *err)
{
    const char *current =
        mutt_set_text(redis->settings, MUTT_SET_REDIS_PASS_CURRENT);
    const char *next = mutt_set_text(redis->settings, MUTT_SET_REDIS_PASS_NEXT);
    char db[16];

    if (redis->password[0] != '\0') {
        current = redis->password;
    }

    mutt_rc_t rc = log_in(redis, current, err);

    if (rc != MUTT_OK && next[0] != '\0') {
        rc = log_in(redis, next, err);
    }

    if (rc == MUTT_OK && redis->db != 0) {
        (void) snprintf(db, sizeof(db), "%d", redis->db);
        rc = expect_ok(
            redis, 2, (mutt_str_t[]) { MUTT_STR("SELECT"), mutt_str(db) }, err);
    }

    if (rc == MUTT_OK) {
        rc = expect_ok(redis, 3,
                       (mutt_str_t[]) { MUTT_STR("CLIENT"), MUTT_STR("SETNAME"),
                                        mutt_str(redis->name) },
                       err);
    }

    return rc;
}


static mutt_rc_t
load_script(mutt_redis_t *r, mutt_script_t script, mutt_err_t *err)
{
    const mutt_script_text_t *s = &mutt_scripts[script];
    const mutt_reply_t *reply;
    mutt_rc_t rc = mutt_redis_call(r, 3,
                                   (mutt_str_t[]) { MUTT_STR("SCRIPT"),
                                                    MUTT_STR("LOAD"),
                                                    { s->text, s->len } },
                                   0, &reply, err);

    if (rc != MUTT_OK) {
        return rc;
    }

    /* NOLINTNEXTLINE(clang-analyzer-*): mutt_fail() never returns MUTT_OK. */
    if (reply->type != MUTT_REPLY_STRING || reply->str.len != 40) {
        return mutt_fail(err, MUTT_UNAVAIL, "redis %s: script %s: %.150s",
                         r->name, s->name, reply->str.data);
    }

    memcpy(r->sha[script], reply->str.data, 41);

    return MUTT_OK;
}


static mutt_rc_t
script_error(const mutt_reply_t *reply, mutt_script_t script, mutt_err_t *err)
{
    const char *text = reply->str.data;
    mutt_rc_t rc = MUTT_BUG;

    if (strncmp(text, "OOM ", 4) == 0) {
        rc = MUTT_FULL;
    } else if (strncmp(text, "BUSY ", 5) == 0 ||
               strncmp(text, "MISCONF ", 8) == 0 ||
               strncmp(text, "NOREPLICAS ", 11) == 0 ||
               strncmp(text, "WRONGTYPE ", 10) == 0) {
        rc = MUTT_UNAVAIL;
    }

    return mutt_fail(err, rc, "redis: script %s: %.180s",
                     mutt_scripts[script].name, text);
}


/* A call by the SHA, which is filled in later; NULL: no memory. */
static mutt_str_t *
write_call(char count[16], size_t n_keys, const mutt_str_t *keys, size_t n_args,
           const mutt_str_t *args)
{
    mutt_str_t *argv = malloc((3 + n_keys + n_args) * sizeof(mutt_str_t));

    if (argv == NULL) {
        return NULL;
    }

    (void) snprintf(count, 16, "%zu", n_keys);

    argv[0] = MUTT_STR("EVALSHA");
    argv[2] = mutt_str(count);
    memcpy(argv + 3, keys, n_keys * sizeof(mutt_str_t));
    memcpy(argv + 3 + n_keys, args, n_args * sizeof(mutt_str_t));

    return argv;
}


/* A call with the script's text, which may be flushed at any time. */
static void
call_by_text(mutt_str_t *argv, mutt_script_t script)
{
    const mutt_script_text_t *text = &mutt_scripts[script];

    argv[0] = MUTT_STR("EVAL");
    argv[1] = (mutt_str_t) { text->text, text->len };
}


/* A script was answered in time. */
static void
calm_down(mutt_redis_t *r)
{
    if (++r->calm >= CALM) {
        r->patience = 1;
    }
}


static bool
is_forgotten(const mutt_reply_t *reply)
{
    return reply->type == MUTT_REPLY_ERROR &&
           strncmp(reply->str.data, "NOSCRIPT", 8) == 0;
}


static mutt_rc_t
no_memory(mutt_err_t *err)
{
    return mutt_fail(err, MUTT_NOMEM, "out of memory for a script call");
}


mutt_rc_t
mutt_redis_script_begin(mutt_redis_t *redis, mutt_script_t script,
                        size_t n_keys, const mutt_str_t *keys, size_t n_args,
                        const mutt_str_t *args, mutt_err_t *err)
{
    char count[16];
    mutt_rc_t rc = MUTT_OK;

    if (redis->n_begun == MUTT_REDIS_BEGUN) {
        return mutt_fail(err, MUTT_BUG, "redis: too many calls");
    }

    if (redis->sha[script][0] == '\0' && redis->n_begun == 0) {
        rc = load_script(redis, script, err);
    }

    if (rc == MUTT_OK && redis->transport == NULL) {
        rc = not_connected(redis, err);
    }

    if (rc != MUTT_OK) {
        return rc;
    }

    mutt_str_t *argv = write_call(count, n_keys, keys, n_args, args);

    if (argv == NULL) {
        return no_memory(err);
    }

    argv[1] = mutt_str(redis->sha[script]);

    if (argv[1].len == 0) {
        call_by_text(argv, script);
    }

    begun_t *begun = &redis->begun[redis->n_begun];

    begun->script = script;
    begun->deadline = deadline_of(redis, 0);

    if (redis->n_begun == 0) {
        drop_reply(redis);
    }

    MUTT_PASS_SCOPE(mutt_scripts[script].name);
    rc = send_command(redis, 3 + n_keys + n_args, argv, &begun->deadline, err);
    MUTT_PASS_SCOPE(NULL);
    free(argv);

    if (rc == MUTT_OK) {
        redis->n_begun++;
    }

    return rc;
}


bool
mutt_redis_script_ready(const mutt_redis_t *redis)
{
    struct pollfd p = { .fd = mutt_redis_fd(redis), .events = POLLIN };

    return redis->n_begun == 0 || mutt_redis_pending(redis) ||
           poll(&p, 1, 0) != 0 || mutt_time_mono() >= redis->begun[0].deadline;
}


mutt_rc_t
mutt_redis_script_end(mutt_redis_t *redis, const mutt_reply_t **reply,
                      mutt_err_t *err)
{
    if (redis->n_begun == 0) {
        return not_connected(redis, err);
    }

    begun_t begun = redis->begun[0];

    redis->begun[0] = redis->begun[1];
    redis->n_begun--;
    drop_reply(redis);

    MUTT_PASS_SCOPE(mutt_scripts[begun.script].name);

    mutt_rc_t rc = take_reply(redis, begun.deadline, reply, err);

    MUTT_PASS_SCOPE(NULL);

    if (rc != MUTT_OK) {
        return rc;
    }

    calm_down(redis);

    if (is_forgotten(*reply)) {
        redis->sha[begun.script][0] = '\0';
        return MUTT_AGAIN;
    }

    return (*reply)->type == MUTT_REPLY_ERROR
               ? script_error(*reply, begun.script, err)
               : MUTT_OK;
}


mutt_rc_t
mutt_redis_script(mutt_redis_t *redis, mutt_script_t script, size_t n_keys,
                  const mutt_str_t *keys, size_t n_args, const mutt_str_t *args,
                  const mutt_reply_t **reply, mutt_err_t *err)
{
    size_t argc = 3 + n_keys + n_args;
    char count[16];
    mutt_str_t *argv = write_call(count, n_keys, keys, n_args, args);
    mutt_rc_t rc = MUTT_OK;

    if (argv == NULL) {
        return no_memory(err);
    }

    if (redis->sha[script][0] == '\0') {
        rc = load_script(redis, script, err);
    }

    argv[1] = mutt_str(redis->sha[script]);

    for (int attempt = 0; rc == MUTT_OK && attempt < 2; attempt++) {
        /* the cache may be flushed again between a load and the call */
        if (attempt > 0) {
            call_by_text(argv, script);
        }

        MUTT_PASS_SCOPE(mutt_scripts[script].name);
        rc = mutt_redis_call(redis, argc, argv, 0, reply, err);
        MUTT_PASS_SCOPE(NULL);

        if (rc == MUTT_OK) {
            calm_down(redis);
        }

        if (rc != MUTT_OK || (*reply)->type != MUTT_REPLY_ERROR) {
            break;
        }

        if (!is_forgotten(*reply)) {
            rc = script_error(*reply, script, err);
        }
    }

    free(argv);

    return rc;
}
