
/*
 * Dead letters as they lie in their queues: how many, a page of them, one.
 * A page costs Redis what it holds, not what the queue holds; with filters
 * so many letters are looked at, and the next page goes on behind them.
 */


#include "ngx_mutt_api_letters.h"

#include <hiredis/hiredis.h>

#include "core/mutt_hash.h"
#include "core/mutt_time.h"
#include "core/mutt_utf8.h"


#define NGX_MUTT_LETTERS_LIMIT    50
#define NGX_MUTT_LETTERS_MAX      200
#define NGX_MUTT_LETTERS_LOOKED   20000
#define NGX_MUTT_LETTERS_LOOK     1000
#define NGX_MUTT_LETTERS_PLACES   2000000000
#define NGX_MUTT_LETTERS_MESSAGE  500
#define NGX_MUTT_LETTERS_ANSWER   (16 * 1024 * 1024)


/* a list on its way */
typedef struct {
    ngx_uint_t                   queue;
    ngx_uint_t                   place;    /* of the next letter */
    ngx_uint_t                   looked;
    ngx_uint_t                   shown;
    ngx_uint_t                   total;
    ngx_flag_t                   filtered;
    ngx_mutt_letters_filter_t    filter;
    mutt_str_t                   digest;   /* of the one to show, */
    ngx_mutt_search_t            search;   /* which is looked for */
    mutt_buf_t                   b;
} ngx_mutt_letters_t;


static ngx_int_t ngx_mutt_queues_begin(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_queues_look(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_letters_begin(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_letters_look(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_letter_begin(ngx_mutt_flow_t *flow);
static ngx_int_t ngx_mutt_letter_find(ngx_mutt_flow_t *flow);


const ngx_mutt_letters_row_t  ngx_mutt_letters_rows[NGX_MUTT_LETTERS_QUEUES] = {
    { "alerter", MUTT_SET_ALERTER_DLQ_NAME, "ingest" },
    { "moog", MUTT_SET_MOOG_DLQ_NAME, "alert" },
    { "dead", MUTT_SET_DEAD_LETTER_QUEUE, NULL },
};


const ngx_mutt_step_t  ngx_mutt_letters_queues[] = {
    { "begin", ngx_mutt_queues_begin },
    { "look", ngx_mutt_queues_look },
    { NULL, NULL }
};

const ngx_mutt_step_t  ngx_mutt_letters_list[] = {
    { "begin", ngx_mutt_letters_begin },
    { "look", ngx_mutt_letters_look },
    { NULL, NULL }
};

const ngx_mutt_step_t  ngx_mutt_letters_show[] = {
    { "begin", ngx_mutt_letter_begin },
    { "find", ngx_mutt_letter_find },
    { NULL, NULL }
};


static mutt_json_reader_t  *ngx_mutt_letters_reader;


ngx_int_t
ngx_mutt_letters_queue(ngx_mutt_flow_t *flow)
{
    ngx_int_t   i;
    mutt_str_t  name;

    name.data = (char *) flow->ctx->params[0].data;
    name.len = flow->ctx->params[0].len;

    for (i = 0; i < NGX_MUTT_LETTERS_QUEUES; i++) {
        if (mutt_str_eq(name, mutt_str(ngx_mutt_letters_rows[i].name))) {
            return i;
        }
    }

    return NGX_ERROR;
}


ngx_int_t
ngx_mutt_letters_ask(ngx_mutt_flow_t *flow, ngx_uint_t queue,
    ngx_uint_t place, ngx_uint_t n, ngx_mutt_told_pt told)
{
    if (ngx_mutt_flow_eval(flow, MUTT_SCRIPT_LETTERS, 1, 3, told) != NGX_OK) {
        return ngx_mutt_flow_no_redis(flow);
    }

    ngx_mutt_redis_text(mutt_set_text(ngx_mutt_settings(),
                                      ngx_mutt_letters_rows[queue].key));
    (void) ngx_mutt_redis_int(place);
    (void) ngx_mutt_redis_int(n);
    (void) ngx_mutt_redis_int(NGX_MUTT_LETTERS_BYTES);

    return NGX_AGAIN;
}


static mutt_str_t
ngx_mutt_letters_text(const mutt_letter_t *letter, const char *name)
{
    size_t  i;

    for (i = 0; i < letter->n; i++) {
        if (letter->members[i].type == MUTT_JSON_STRING
            && mutt_str_eq(letter->members[i].name, mutt_str(name)))
        {
            return letter->members[i].text;
        }
    }

    return (mutt_str_t) { NULL, 0 };
}


ngx_int_t
ngx_mutt_letters_read(mutt_str_t text, ngx_uint_t place, ngx_mutt_dead_t *dead)
{
    char            digest[41];
    mutt_rc_t       rc;
    mutt_err_t      err;
    mutt_letter_t  *letter;

    ngx_memzero(dead, sizeof(ngx_mutt_dead_t));

    if (ngx_mutt_letters_reader == NULL) {
        ngx_mutt_letters_reader = mutt_json_reader_create();
    }

    if (ngx_mutt_letters_reader == NULL || !mutt_sha1_hex(text, digest)) {
        return NGX_ERROR;
    }

    dead->text = text;
    dead->place = place;
    (void) snprintf(dead->id, sizeof(dead->id), "%lu-%s",
                    (unsigned long) place, digest);

    letter = &dead->letter;
    rc = mutt_letter_read(ngx_mutt_letters_reader, text, letter, &err);

    if (rc != MUTT_OK) {
        return rc == MUTT_NOMEM ? NGX_ERROR : NGX_OK;
    }

    dead->event_id = ngx_mutt_letters_text(letter, "_event_id");
    dead->received_at = ngx_mutt_letters_text(letter, "_received_at");
    dead->failed_at = ngx_mutt_letters_text(letter, "_failed_at");
    dead->hostname = ngx_mutt_letters_text(letter, "hostname");
    dead->message = ngx_mutt_letters_text(letter, "message");
    dead->valid = 1;

    if (dead->message.data == NULL) {
        dead->message = ngx_mutt_letters_text(letter, "message_body");
        dead->alert = ngx_mutt_letters_text(letter, "handling").data != NULL;
        dead->valid = dead->alert;
    }

    return NGX_OK;
}


static ngx_flag_t
ngx_mutt_letters_has(mutt_str_t text, mutt_str_t part)
{
    return ngx_strlcasestrn((u_char *) text.data,
                            (u_char *) text.data + text.len,
                            (u_char *) part.data, part.len - 1)
           != NULL;
}


ngx_flag_t
ngx_mutt_letters_wanted(const ngx_mutt_letters_filter_t *filter,
    const ngx_mutt_dead_t *dead)
{
    mutt_str_t  reason;

    reason = dead->letter.reason;

    if (filter->reason.data != NULL
        && (reason.len < filter->reason.len
            || ngx_strncmp(reason.data, filter->reason.data,
                           filter->reason.len)
               != 0))
    {
        return 0;
    }

    if (filter->hostname.data != NULL
        && !mutt_str_eq_nocase(dead->hostname, filter->hostname))
    {
        return 0;
    }

    if (filter->before != 0
        && (dead->letter.failed_at == 0
            || dead->letter.failed_at >= filter->before))
    {
        return 0;
    }

    return filter->text.data == NULL
           || ngx_mutt_letters_has(dead->text, filter->text);
}


void
ngx_mutt_letters_add(mutt_buf_t *b, mutt_str_t text, size_t max)
{
    const char  *end;

    if (text.data == NULL) {
        MUTT_BUF_LIT(b, "null");
        return;
    }

    end = memchr(text.data, '\0', text.len);

    if (end != NULL) {
        text.len = end - text.data;
    }

    mutt_buf_add_json(b, mutt_utf8_head(text, max));
}


ngx_int_t
ngx_mutt_letters_id(mutt_str_t id, ngx_uint_t *place, mutt_str_t *digest)
{
    ngx_int_t    n;
    const char  *dash;

    dash = id.data == NULL ? NULL : memchr(id.data, '-', id.len);

    if (dash == NULL || dash - id.data > 10
        || id.data + id.len - dash != 41
        || strspn(dash + 1, "0123456789abcdef") < 40)
    {
        return NGX_ERROR;
    }

    n = ngx_atoi((u_char *) id.data, dash - id.data);

    if (n == NGX_ERROR || n > NGX_MUTT_LETTERS_PLACES) {
        return NGX_ERROR;
    }

    *place = n;
    digest->data = dash + 1;
    digest->len = 40;

    return NGX_OK;
}


/* A letter as members of an object, which the caller ends. */
static void
ngx_mutt_letters_write(mutt_buf_t *b, const ngx_mutt_dead_t *dead)
{
    const mutt_letter_t  *letter;

    letter = &dead->letter;

    mutt_buf_addf(b, "{\"id\":\"%s\",\"place\":%lu,\"kind\":\"%s\","
                  "\"bytes\":%zu,\"attempts\":%lld,\"replays\":%lld,"
                  "\"event_id\":", dead->id, (unsigned long) dead->place,
                  !dead->valid ? "malformed"
                               : dead->alert ? "alert" : "event",
                  dead->text.len, (long long) letter->attempts,
                  (long long) letter->replays);
    ngx_mutt_letters_add(b, dead->event_id, MUTT_UUID_LEN);
    MUTT_BUF_LIT(b, ",\"correlation_id\":");
    ngx_mutt_letters_add(b, letter->correlation_id, 128);
    MUTT_BUF_LIT(b, ",\"received_at\":");
    ngx_mutt_letters_add(b, dead->received_at, 64);
    MUTT_BUF_LIT(b, ",\"failed_at\":");
    ngx_mutt_letters_add(b, dead->failed_at, 64);
    MUTT_BUF_LIT(b, ",\"failed_reason\":");
    ngx_mutt_letters_add(b, letter->reason, 200);
    MUTT_BUF_LIT(b, ",\"hostname\":");
    ngx_mutt_letters_add(b, dead->hostname, 255);
    MUTT_BUF_LIT(b, ",\"message\":");
    ngx_mutt_letters_add(b, dead->message, NGX_MUTT_LETTERS_MESSAGE);
}


static void
ngx_mutt_letters_cleanup(void *data)
{
    ngx_mutt_letters_t  *letters = data;

    mutt_buf_done(&letters->b);
}


static ngx_mutt_letters_t *
ngx_mutt_letters_create(ngx_mutt_flow_t *flow)
{
    ngx_mutt_letters_t  *letters;
    ngx_pool_cleanup_t  *cln;

    letters = ngx_pcalloc(flow->request->pool, sizeof(ngx_mutt_letters_t));
    cln = ngx_pool_cleanup_add(flow->request->pool, 0);

    if (letters == NULL || cln == NULL) {
        return NULL;
    }

    mutt_buf_init(&letters->b, NGX_MUTT_LETTERS_ANSWER);
    cln->handler = ngx_mutt_letters_cleanup;
    cln->data = letters;
    flow->data = letters;

    return letters;
}


/* The reply to LETTERS: a length, then texts. */
static ngx_flag_t
ngx_mutt_letters_are(redisReply *reply)
{
    size_t  i;

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY
        || reply->elements == 0
        || reply->element[0]->type != REDIS_REPLY_INTEGER)
    {
        return 0;
    }

    for (i = 1; i < reply->elements; i++) {
        if (reply->element[i]->type != REDIS_REPLY_STRING) {
            return 0;
        }
    }

    return 1;
}


static mutt_str_t
ngx_mutt_letters_item(redisReply *reply, size_t i)
{
    return (mutt_str_t) { reply->element[i]->str, reply->element[i]->len };
}


static ngx_int_t
ngx_mutt_queues_begin(ngx_mutt_flow_t *flow)
{
    ngx_mutt_letters_t  *letters;

    letters = ngx_mutt_letters_create(flow);

    if (letters == NULL) {
        return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
    }

    MUTT_BUF_LIT(&letters->b, "{\"queues\":[");

    return NGX_OK;
}


static ngx_int_t
ngx_mutt_queues_told(ngx_mutt_flow_t *flow, struct redisReply *answer)
{
    redisReply          *reply = (redisReply *) answer;
    ngx_mutt_letters_t  *letters = flow->data;

    mutt_buf_t                    *b;
    ngx_mutt_dead_t                dead;
    const ngx_mutt_letters_row_t  *row;

    if (!ngx_mutt_letters_are(reply)) {
        return ngx_mutt_flow_no_redis(flow);
    }

    b = &letters->b;
    row = &ngx_mutt_letters_rows[letters->queue];

    mutt_buf_addf(b, "%s{\"queue\":\"%s\",\"key\":",
                  letters->queue == 0 ? "" : ",", row->name);
    mutt_buf_add_json(b, mutt_str(mutt_set_text(ngx_mutt_settings(),
                                                row->key)));
    mutt_buf_addf(b, ",\"depth\":%lld,\"goes_back_to\":",
                  reply->element[0]->integer);

    if (row->origin == NULL) {
        MUTT_BUF_LIT(b, "null,\"oldest\":");

    } else {
        mutt_buf_addf(b, "\"%s\",\"oldest\":", row->origin);
    }

    if (reply->elements == 1) {
        MUTT_BUF_LIT(b, "null}");

    } else if (ngx_mutt_letters_read(ngx_mutt_letters_item(reply, 1), 0, &dead)
               != NGX_OK)
    {
        return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);

    } else {
        ngx_mutt_letters_write(b, &dead);
        MUTT_BUF_LIT(b, "}}");
    }

    if (++letters->queue < NGX_MUTT_LETTERS_QUEUES) {
        ngx_mutt_flow_back(flow, ngx_mutt_queues_look);
        return NGX_OK;
    }

    MUTT_BUF_LIT(b, "]}\n");

    return ngx_mutt_flow_answer(flow, NGX_HTTP_OK, b);
}


static ngx_int_t
ngx_mutt_queues_look(ngx_mutt_flow_t *flow)
{
    ngx_mutt_letters_t  *letters = flow->data;

    return ngx_mutt_letters_ask(flow, letters->queue, 0, 1,
                                ngx_mutt_queues_told);
}


/* A filter's text, which is not empty. */
static mutt_str_t
ngx_mutt_letters_parameter(ngx_mutt_flow_t *flow, const char *name)
{
    mutt_str_t  text;

    text = ngx_mutt_parameter(flow, name);

    if (text.data != NULL && text.len == 0) {
        ngx_mutt_fault(flow, mutt_str(name), "must not be empty");
        text.data = NULL;
    }

    return text;
}


static ngx_int_t
ngx_mutt_letters_begin(ngx_mutt_flow_t *flow)
{
    ngx_int_t            queue;
    const char          *before;
    ngx_mutt_letters_t  *letters;

    queue = ngx_mutt_letters_queue(flow);

    if (queue == NGX_ERROR) {
        return ngx_mutt_flow_error(flow, MUTT_API_NOT_FOUND);
    }

    letters = ngx_mutt_letters_create(flow);

    if (letters == NULL) {
        return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
    }

    ngx_mutt_read_paging(flow, NGX_MUTT_LETTERS_LIMIT, NGX_MUTT_LETTERS_MAX);
    letters->queue = queue;
    letters->filter.reason = ngx_mutt_letters_parameter(flow, "failed_reason");
    letters->filter.hostname = ngx_mutt_letters_parameter(flow, "hostname");
    letters->filter.text = ngx_mutt_letters_parameter(flow, "text");
    before = ngx_mutt_parameter_time(flow, "end_date");

    if (before != NULL
        && !mutt_time_parse(mutt_str(before), &letters->filter.before))
    {
        letters->filter.before = 0;
    }

    letters->filtered = letters->filter.reason.data != NULL
                        || letters->filter.hostname.data != NULL
                        || letters->filter.text.data != NULL
                        || letters->filter.before != 0;
    letters->place = ngx_min((flow->paging.n_page - 1) * flow->paging.n_limit,
                             NGX_MUTT_LETTERS_PLACES);
    letters->place = ngx_mutt_parameter_number(flow, "cursor", letters->place,
                                               0, NGX_MUTT_LETTERS_PLACES);

    if (letters->filtered && flow->paging.n_page > 1) {
        ngx_mutt_fault(flow, MUTT_STR("page"),
                       "can't be used with a filter; use cursor");
    }

    if (ngx_mutt_judge_parameters(flow) != NGX_OK) {
        return NGX_DONE;
    }

    MUTT_BUF_LIT(&letters->b, "{\"letters\":[");

    return NGX_OK;
}


static ngx_int_t
ngx_mutt_letters_end(ngx_mutt_flow_t *flow)
{
    ngx_mutt_letters_t  *letters = flow->data;

    mutt_buf_t  *b;
    ngx_uint_t   limit;

    b = &letters->b;
    limit = flow->paging.n_limit;

    mutt_buf_addf(b, "],\"queue\":\"%s\",\"looked_at\":%lu,\"pagination\":{"
                  "\"page\":%ld,\"limit\":%lu,\"total\":%lu,\"pages\":%lu},"
                  "\"next_cursor\":",
                  ngx_mutt_letters_rows[letters->queue].name,
                  (unsigned long) letters->looked, (long) flow->paging.n_page,
                  (unsigned long) limit, (unsigned long) letters->total,
                  (unsigned long) ((letters->total + limit - 1) / limit));

    if (letters->place >= letters->total) {
        MUTT_BUF_LIT(b, "null}\n");

    } else {
        mutt_buf_addf(b, "\"%lu\"}\n", (unsigned long) letters->place);
    }

    return ngx_mutt_flow_answer(flow, NGX_HTTP_OK, b);
}


static ngx_int_t
ngx_mutt_letters_told(ngx_mutt_flow_t *flow, struct redisReply *answer)
{
    redisReply          *reply = (redisReply *) answer;
    ngx_mutt_letters_t  *letters = flow->data;

    size_t           i;
    ngx_mutt_dead_t  dead;

    if (!ngx_mutt_letters_are(reply)) {
        return ngx_mutt_flow_no_redis(flow);
    }

    letters->total = reply->element[0]->integer;

    for (i = 1; i < reply->elements; i++) {

        if (letters->shown == (ngx_uint_t) flow->paging.n_limit) {
            return ngx_mutt_letters_end(flow);
        }

        if (ngx_mutt_letters_read(ngx_mutt_letters_item(reply, i),
                                  letters->place, &dead)
            != NGX_OK)
        {
            return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
        }

        letters->place++;
        letters->looked++;

        if (!ngx_mutt_letters_wanted(&letters->filter, &dead)) {
            continue;
        }

        mutt_buf_addf(&letters->b, "%s", letters->shown++ == 0 ? "" : ",");
        ngx_mutt_letters_write(&letters->b, &dead);
        MUTT_BUF_LIT(&letters->b, "}");
    }

    if (!letters->filtered || reply->elements == 1
        || letters->looked >= NGX_MUTT_LETTERS_LOOKED
        || letters->shown == (ngx_uint_t) flow->paging.n_limit)
    {
        return ngx_mutt_letters_end(flow);
    }

    ngx_mutt_flow_back(flow, ngx_mutt_letters_look);

    return NGX_OK;
}


static ngx_int_t
ngx_mutt_letters_look(ngx_mutt_flow_t *flow)
{
    ngx_mutt_letters_t  *letters = flow->data;

    return ngx_mutt_letters_ask(flow, letters->queue, letters->place,
                                letters->filtered ? NGX_MUTT_LETTERS_LOOK
                                                  : flow->paging.n_limit,
                                ngx_mutt_letters_told);
}


static ngx_int_t
ngx_mutt_letter_begin(ngx_mutt_flow_t *flow)
{
    ngx_int_t            queue;
    mutt_str_t           id;
    ngx_mutt_letters_t  *letters;

    queue = ngx_mutt_letters_queue(flow);
    id.data = ngx_mutt_flow_text(flow, (mutt_str_t) {
                  (char *) flow->ctx->params[1].data,
                  flow->ctx->params[1].len });
    id.len = flow->ctx->params[1].len;
    letters = ngx_mutt_letters_create(flow);

    if (letters == NULL || id.data == NULL) {
        return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
    }

    if (queue == NGX_ERROR
        || ngx_mutt_letters_id(id, &letters->place, &letters->digest)
           != NGX_OK)
    {
        return ngx_mutt_flow_error(flow, MUTT_API_NOT_FOUND);
    }

    letters->queue = queue;
    ngx_mutt_letters_search(&letters->search);

    return NGX_OK;
}


/* The letter with its text, which is shown as it is. */
static ngx_int_t
ngx_mutt_letter_told(ngx_mutt_flow_t *flow, struct redisReply *answer)
{
    redisReply          *reply = (redisReply *) answer;
    ngx_mutt_letters_t  *letters = flow->data;

    ngx_int_t        found;
    redisReply      *place;
    ngx_mutt_dead_t  dead;

    found = ngx_mutt_letters_found(&letters->search, 1, answer);

    if (found == NGX_ERROR) {
        return ngx_mutt_flow_no_redis(flow);
    }

    if (found == 0) {
        ngx_mutt_flow_back(flow, ngx_mutt_letter_find);
        return NGX_OK;
    }

    place = reply->element[NGX_MUTT_LETTERS_HEAD];

    if (place->integer < 0) {
        return ngx_mutt_flow_error(flow, MUTT_API_NOT_FOUND);
    }

    if (ngx_mutt_letters_read(
            ngx_mutt_letters_item(reply, NGX_MUTT_LETTERS_HEAD + 1),
            place->integer, &dead)
        != NGX_OK)
    {
        return ngx_mutt_flow_error(flow, MUTT_API_INTERNAL);
    }

    ngx_mutt_letters_write(&letters->b, &dead);
    mutt_buf_addf(&letters->b, ",\"queue\":\"%s\",\"text\":",
                  ngx_mutt_letters_rows[letters->queue].name);
    mutt_buf_add_json(&letters->b, dead.text);
    mutt_buf_addf(&letters->b, ",\"text_is_exact\":%s}\n",
                  mutt_utf8_valid(dead.text) ? "true" : "false");

    return ngx_mutt_flow_answer(flow, NGX_HTTP_OK, &letters->b);
}


static ngx_int_t
ngx_mutt_letter_find(ngx_mutt_flow_t *flow)
{
    ngx_mutt_letters_t  *letters = flow->data;

    if (ngx_mutt_letters_find(flow, letters->queue, &letters->search, 1,
                              ngx_mutt_letter_told)
        != NGX_OK)
    {
        return ngx_mutt_flow_no_redis(flow);
    }

    (void) ngx_mutt_redis_int(letters->place);
    (void) ngx_mutt_redis_word(letters->digest.data, letters->digest.len);

    return NGX_AGAIN;
}
