
/*
 * The management API: a request is a flow of named steps, run one after the
 * other; the text of most answers is made by PostgreSQL.
 */


#ifndef _NGX_MUTT_API_H_INCLUDED_
#define _NGX_MUTT_API_H_INCLUDED_


#include "ngx_mutt_module.h"

#include "domain/mutt_scripts.h"


#define NGX_MUTT_FAULTS    24
#define NGX_MUTT_API_BODY  65536


typedef struct ngx_mutt_flow_s  ngx_mutt_flow_t;

/*
 * A step ends with NGX_OK for "go on", or starts one operation whose handler
 * resumes the flow and returns NGX_AGAIN, or answers and returns NGX_DONE.
 */
typedef ngx_int_t (*ngx_mutt_step_pt)(ngx_mutt_flow_t *flow);


struct ngx_mutt_step_s {
    const char        *name;     /* NULL ends the list */
    ngx_mutt_step_pt   run;
};


/* takes a reply of Redis, NULL for none, and ends as a step does */
struct redisReply;

typedef ngx_int_t (*ngx_mutt_told_pt)(ngx_mutt_flow_t *flow,
    struct redisReply *reply);


/* what is wrong with a field or a parameter */
typedef struct {
    mutt_str_t         name;
    const char        *reason;
    ngx_flag_t         missing;
} ngx_mutt_fault_t;


/* what a list is asked for; numbers as text for PostgreSQL */
typedef struct {
    char               page[24];
    char               limit[24];
    char               offset[24];
    const char        *at;         /* of a cursor: microseconds, or NULL */
    const char        *id;
    ngx_int_t          n_page;
    ngx_int_t          n_limit;
} ngx_mutt_paging_t;


struct ngx_mutt_flow_s {
    ngx_mutt_body_t            body;      /* first: the body reader's */
    ngx_http_request_t        *request;
    ngx_mutt_ctx_t            *ctx;
    const ngx_mutt_step_t     *step;      /* the next */
    ngx_mutt_query_t           query;
    size_t                     limit;     /* of the body; 0: the usual one */
    const mutt_json_member_t  *members;   /* of the body, until the next */
    size_t                     n_members;
    ngx_mutt_fault_t           faults[NGX_MUTT_FAULTS];
    ngx_uint_t                 n_faults;
    ngx_mutt_paging_t          paging;
    const char                *reason;    /* of a change; NULL: none given */
    void                     (*unsure)(void); /* if it may be a change */
    ngx_int_t                  rc;        /* of the answer */
    ngx_uint_t                 tries;
    void                      *data;      /* of the resource */
    void                     (*leave)(void *data);  /* before the answer */
    struct ngx_mutt_ask_s     *ask;       /* a question to Redis */
    unsigned                   resumed:1;
    unsigned                   unread:1;    /* the body is a step's to read */
    unsigned                   optional:1;  /* and may be empty */
};


/* ngx_mutt_api_flow.c */

/* The handler of routes with steps. */
ngx_int_t ngx_mutt_flow(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx);

/* Goes on with the next step, from the handler of an operation. */
void ngx_mutt_flow_resume(ngx_mutt_flow_t *flow);

/* The step that reads the body, a JSON object or, if optional, nothing. */
ngx_int_t ngx_mutt_step_body(ngx_mutt_flow_t *flow);
ngx_int_t ngx_mutt_step_optional_body(ngx_mutt_flow_t *flow);

/*
 * Runs a statement of which values 0 to n - 1 are set; when it fails the
 * flow ends with the error.  Values live until the answer.
 */
ngx_int_t ngx_mutt_flow_query(ngx_mutt_flow_t *flow, mutt_sql_t statement,
    ngx_uint_t n);

/*
 * Sets what every change is audited with, values n to n + 2; unsure is called
 * when the flow ends without knowing whether the change was made.
 */
void ngx_mutt_flow_sign(ngx_mutt_flow_t *flow, ngx_uint_t n,
    void (*unsure)(void));

/*
 * Begins a command of n words to Redis, of which the caller appends each with
 * ngx_mutt_redis_word() and then returns NGX_AGAIN.  NGX_DECLINED when Redis
 * is away.
 */
ngx_int_t ngx_mutt_flow_ask(ngx_mutt_flow_t *flow, ngx_uint_t n,
    ngx_mutt_told_pt told);

/* The same for a script, with the words up to its keys: EVAL, script, n. */
ngx_int_t ngx_mutt_flow_eval(ngx_mutt_flow_t *flow, mutt_script_t script,
    ngx_uint_t keys, ngx_uint_t args, ngx_mutt_told_pt told);

/* Goes back to a step, which is one of this flow's. */
void ngx_mutt_flow_back(ngx_mutt_flow_t *flow, ngx_mutt_step_pt run);

/* Copies to memory of the request, with a NUL; NULL when out of it. */
const char *ngx_mutt_flow_text(ngx_mutt_flow_t *flow, mutt_str_t text);

/* Answers; each returns NGX_DONE. */
ngx_int_t ngx_mutt_flow_answer(ngx_mutt_flow_t *flow, ngx_uint_t status,
    mutt_buf_t *b);
ngx_int_t ngx_mutt_flow_message(ngx_mutt_flow_t *flow, ngx_uint_t status,
    const char *message);
ngx_int_t ngx_mutt_flow_error(ngx_mutt_flow_t *flow, mutt_api_code_t code);
ngx_int_t ngx_mutt_flow_error_text(ngx_mutt_flow_t *flow,
    mutt_api_code_t code, const char *text);
ngx_int_t ngx_mutt_flow_broken(ngx_mutt_flow_t *flow);
ngx_int_t ngx_mutt_flow_no_redis(ngx_mutt_flow_t *flow);

/* That the body is larger than the flow's limit. */
ngx_int_t ngx_mutt_flow_too_large(ngx_mutt_flow_t *flow);

/* Why a text is no object, where that was seen. */
ngx_int_t ngx_mutt_flow_no_object(ngx_mutt_flow_t *flow,
    mutt_json_status_t status, size_t offset);

/* An error that may pass: with when to come back. */
ngx_int_t ngx_mutt_flow_away(ngx_mutt_flow_t *flow, mutt_api_code_t code);

/* The step that answers with the first value of the result, JSON. */
ngx_int_t ngx_mutt_step_answer(ngx_mutt_flow_t *flow);


/* ngx_mutt_api_input.c */

/*
 * Makes the members of an object the flow's, until the next; otherwise offset
 * is where the fault was seen.
 */
mutt_json_status_t ngx_mutt_flow_object(ngx_mutt_flow_t *flow,
    mutt_str_t json, size_t *offset);

/*
 * The same of an object inside the body, which was checked.  NGX_ERROR when
 * out of memory.
 */
ngx_int_t ngx_mutt_flow_enter(ngx_mutt_flow_t *flow, mutt_str_t json);

/* Notes what is wrong; name and reason live until the answer. */
void ngx_mutt_fault(ngx_mutt_flow_t *flow, mutt_str_t name,
    const char *reason);
void ngx_mutt_fault_missing(ngx_mutt_flow_t *flow, const char *name);

/* NGX_OK without faults; else answers with them. */
ngx_int_t ngx_mutt_judge_fields(ngx_mutt_flow_t *flow);
ngx_int_t ngx_mutt_judge_parameters(ngx_mutt_flow_t *flow);

/*
 * A query parameter, decoded; data is NULL where it is absent or was found
 * to be no text, which is noted.
 */
mutt_str_t ngx_mutt_parameter(ngx_mutt_flow_t *flow, const char *name);

/* The same as text for PostgreSQL, NULL where absent. */
const char *ngx_mutt_parameter_text(ngx_mutt_flow_t *flow, const char *name);
const char *ngx_mutt_parameter_bool(ngx_mutt_flow_t *flow, const char *name);
const char *ngx_mutt_parameter_int(ngx_mutt_flow_t *flow, const char *name);
const char *ngx_mutt_parameter_time(ngx_mutt_flow_t *flow, const char *name);

/* page and limit, at most max; the limit is max where max is a default. */
void ngx_mutt_read_paging(ngx_mutt_flow_t *flow, ngx_int_t limit,
    ngx_int_t max);

/* Runs a statement of a page's limit, offset and number, of at most max. */
ngx_int_t ngx_mutt_flow_page(ngx_mutt_flow_t *flow, mutt_sql_t statement,
    ngx_int_t max);

/* The parameter cursor, opaque to others. */
void ngx_mutt_read_cursor(ngx_mutt_flow_t *flow);

/* The member of the body, or NULL. */
const mutt_json_member_t *ngx_mutt_member(ngx_mutt_flow_t *flow,
    const char *name);

/*
 * The text of a string member as a copy, NULL where it is none, which is
 * noted: 1 to max characters, no NUL.
 */
const char *ngx_mutt_member_text(ngx_mutt_flow_t *flow,
    const mutt_json_member_t *member, ngx_uint_t max);

/*
 * The texts of a member that is a list of 1 to max strings, each of 1 to
 * 200 bytes without NUL; NULL where it is none, which is noted.
 */
ngx_array_t *ngx_mutt_member_texts(ngx_mutt_flow_t *flow,
    const mutt_json_member_t *member, ngx_uint_t max);

/*
 * The whole number of a member or parameter, otherwise where it is absent;
 * what is not from min to max is noted.
 */
ngx_int_t ngx_mutt_member_number(ngx_mutt_flow_t *flow, const char *name,
    ngx_int_t otherwise, ngx_int_t min, ngx_int_t max);
ngx_int_t ngx_mutt_parameter_number(ngx_mutt_flow_t *flow, const char *name,
    ngx_int_t otherwise, ngx_int_t min, ngx_int_t max);

/* Takes the member "reason" into the flow. */
void ngx_mutt_read_reason(ngx_mutt_flow_t *flow);

/* Notes members that are not in a list of names, NULL at its end. */
void ngx_mutt_refuse_others(ngx_mutt_flow_t *flow, const char *const *known);

/* Whether a name is a dot or two, which no path can end in. */
ngx_flag_t ngx_mutt_is_dots(mutt_str_t name);

/* The name in the path as text; NULL where it can be no name. */
const char *ngx_mutt_path_text(ngx_mutt_flow_t *flow);

/* A version, of at most 28 bytes, as the header ETag of the answer. */
ngx_int_t ngx_mutt_tag(ngx_mutt_flow_t *flow, const char *version);

/* Whether If-Match, if it was sent, has the version. */
ngx_flag_t ngx_mutt_tag_meant(ngx_mutt_flow_t *flow, const char *version);


/* ngx_mutt_api_notice.c */

ngx_int_t ngx_mutt_notice_init(ngx_cycle_t *cycle);

/* Tells workers that rules, hosts or teams have changed; again until heard. */
void ngx_mutt_notice_rules(void);


/* ngx_mutt_api_mirror.c */

ngx_int_t ngx_mutt_mirror_init(ngx_cycle_t *cycle);

/*
 * Writes a live setting's stored value to Redis, NULL for none, and tells of
 * it; what Redis does not take is made up for when the two are compared.
 */
void ngx_mutt_mirror(mutt_setting_t id, const char *value);

/* Compares soon, since something may have changed. */
void ngx_mutt_mirror_soon(void);

/* The live setting of a name; MUTT_SETTING_COUNT: none. */
mutt_setting_t ngx_mutt_find_setting(mutt_str_t name);


/* ngx_mutt_api_hosts.c */

extern const ngx_mutt_step_t  ngx_mutt_hosts_list[];
extern const ngx_mutt_step_t  ngx_mutt_hosts_create[];
extern const ngx_mutt_step_t  ngx_mutt_hosts_delete[];
extern const ngx_mutt_step_t  ngx_mutt_teams_list[];
extern const ngx_mutt_step_t  ngx_mutt_teams_create[];
extern const ngx_mutt_step_t  ngx_mutt_teams_update[];
extern const ngx_mutt_step_t  ngx_mutt_teams_delete[];

/* The members of the flow as a host and its team; NULL: noted why not. */
const char *ngx_mutt_take_host(ngx_mutt_flow_t *flow);
const char *ngx_mutt_take_team(ngx_mutt_flow_t *flow);


/* ngx_mutt_api_import.c */

extern const ngx_mutt_step_t  ngx_mutt_rules_export[];
extern const ngx_mutt_step_t  ngx_mutt_rules_import[];


/* ngx_mutt_api_audit.c */

extern const ngx_mutt_step_t  ngx_mutt_events_list[];
extern const ngx_mutt_step_t  ngx_mutt_audit_list[];
extern const ngx_mutt_step_t  ngx_mutt_config_audit_list[];
extern const ngx_mutt_step_t  ngx_mutt_config_history[];


/* ngx_mutt_api_config.c */

extern const ngx_mutt_step_t  ngx_mutt_config_list[];
extern const ngx_mutt_step_t  ngx_mutt_config_show[];
extern const ngx_mutt_step_t  ngx_mutt_config_set[];
extern const ngx_mutt_step_t  ngx_mutt_config_unset[];


/* ngx_mutt_api_keys.c */

ngx_int_t ngx_mutt_keys_init(ngx_cycle_t *cycle);
void ngx_mutt_keys_exit(void);

/* The named key of a digest as the request's own; NULL: none that is good. */
const ngx_mutt_key_t *ngx_mutt_find_key(ngx_http_request_t *r,
    const u_char *digest);

/* The same, by its id, that a session was opened with. */
const ngx_mutt_key_t *ngx_mutt_find_session_key(ngx_http_request_t *r,
    mutt_str_t id, ngx_mutt_session_t *session);

extern const ngx_mutt_step_t  ngx_mutt_keys_list[];
extern const ngx_mutt_step_t  ngx_mutt_keys_create[];
extern const ngx_mutt_step_t  ngx_mutt_keys_update[];
extern const ngx_mutt_step_t  ngx_mutt_keys_rotate[];
extern const ngx_mutt_step_t  ngx_mutt_keys_revoke[];


/* ngx_mutt_api_session.c */

extern const ngx_mutt_step_t  ngx_mutt_session_create[];
extern const ngx_mutt_step_t  ngx_mutt_session_show[];
extern const ngx_mutt_step_t  ngx_mutt_session_delete[];


/* ngx_mutt_api_letters.c, ngx_mutt_api_letters_move.c */

extern const ngx_mutt_step_t  ngx_mutt_letters_queues[];
extern const ngx_mutt_step_t  ngx_mutt_letters_list[];
extern const ngx_mutt_step_t  ngx_mutt_letters_show[];
extern const ngx_mutt_step_t  ngx_mutt_letters_replay[];
extern const ngx_mutt_step_t  ngx_mutt_letters_discard[];


/* ngx_mutt_api_stream.c */

ngx_int_t ngx_mutt_stream_init(ngx_cycle_t *cycle);

extern const ngx_mutt_step_t  ngx_mutt_stream[];


/* ngx_mutt_api_rules_test.c, ngx_mutt_api_explain.c */

extern const ngx_mutt_step_t  ngx_mutt_rules_test[];
extern const ngx_mutt_step_t  ngx_mutt_events_explain[];


/* ngx_mutt_api_rates.c */

ngx_int_t ngx_mutt_rates(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx);
ngx_int_t ngx_mutt_slo(ngx_http_request_t *r, ngx_mutt_ctx_t *ctx);


/* ngx_mutt_api_rules.c */

/* in the order of the statements' columns and values */
typedef enum {
    NGX_MUTT_RULE_MATCH = 0,
    NGX_MUTT_RULE_OID,
    NGX_MUTT_RULE_SEVERITY,
    NGX_MUTT_RULE_TYPE,
    NGX_MUTT_RULE_PRIORITY,
    NGX_MUTT_RULE_PROD,
    NGX_MUTT_RULE_DEV,
    NGX_MUTT_RULE_TEAM,
    NGX_MUTT_RULE_ACTIVE,
    NGX_MUTT_RULE_FIELDS
} ngx_mutt_rule_field_t;

/*
 * Takes a rule out of the flow's members as text for PostgreSQL, with
 * defaults for what is absent; what is wrong is noted.  whole: all that a
 * rule must have is required.
 */
void ngx_mutt_rule_take_members(ngx_mutt_flow_t *flow, const char **values,
    ngx_flag_t whole);

extern const ngx_mutt_step_t  ngx_mutt_rules_list[];
extern const ngx_mutt_step_t  ngx_mutt_rules_show[];
extern const ngx_mutt_step_t  ngx_mutt_rules_create[];
extern const ngx_mutt_step_t  ngx_mutt_rules_update[];
extern const ngx_mutt_step_t  ngx_mutt_rules_delete[];


/* ngx_mutt_api_slo.c */

extern const ngx_mutt_step_t  ngx_mutt_slo_history[];


/* ngx_mutt_api_status.c */

extern const ngx_mutt_step_t  ngx_mutt_status_show[];
extern const ngx_mutt_step_t  ngx_mutt_rules_hits[];


#endif /* _NGX_MUTT_API_H_INCLUDED_ */
