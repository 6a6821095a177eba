
/*
 * Trials of rules: what rules/test and explain share.  Rules are tried one by
 * one under the alerter's limits.
 */


#ifndef _NGX_MUTT_API_TRIAL_H_INCLUDED_
#define _NGX_MUTT_API_TRIAL_H_INCLUDED_


#include "ngx_mutt_api_letters.h"

#include "domain/mutt_trial.h"


#define NGX_MUTT_TRIAL_LISTED   50
#define NGX_MUTT_TRIAL_ANSWER   (2 * 1024 * 1024)
#define NGX_MUTT_TRIAL_RESULTS  (MUTT_TRIAL_BROKEN + 1)


typedef struct {
    int32_t              id;
    int32_t              priority;
    mutt_str_t           match;
    ngx_uint_t           takes;
    ngx_uint_t           loses;
} ngx_mutt_rival_t;


typedef struct {
    ngx_mutt_flow_t     *flow;
    ngx_event_t          turn;
    ngx_uint_t           row;      /* the next */

    /* the event */
    ngx_flag_t           event;
    mutt_match_input_t   input;
    mutt_str_t           hostname;

    /* the rule that is tried; id 0: it is not saved */
    ngx_flag_t           candidate;
    ngx_flag_t           given;    /* its fields, not its id alone */
    const char          *values[NGX_MUTT_RULE_FIELDS];
    const char          *rule_id;
    mutt_rule_t          rule;
    mutt_trial_t        *trial;
    mutt_trial_result_t  result;
    ngx_flag_t           wins;
    ngx_flag_t           listed;

    /* what came of it */
    mutt_buf_t           b;
    ngx_uint_t           matches;
    ngx_uint_t           rules;
    mutt_rule_t          winner;
    ngx_uint_t           results[NGX_MUTT_TRIAL_RESULTS];

    char                 recent[24];
    ngx_uint_t           keeps;
    ngx_uint_t           fresh;
    ngx_uint_t           takes;
    ngx_uint_t           loses;
    ngx_uint_t           gives_up;
    ngx_uint_t           samples;
    ngx_array_t         *rivals;

    /* of an explanation */
    const char          *id;
    const char          *state;
    mutt_buf_t           steps;
    mutt_buf_t           attempts;
    ngx_uint_t           left_out; /* of the attempts, the first */
} ngx_mutt_trial_t;


/* A trial as the flow's data; NULL when out of memory. */
ngx_mutt_trial_t *ngx_mutt_trial_begin(ngx_mutt_flow_t *flow);

/* Takes what is matched of an event's members; the texts are copied. */
ngx_int_t ngx_mutt_trial_input(ngx_mutt_flow_t *flow, ngx_mutt_trial_t *t,
    const mutt_json_member_t *members, size_t n);

/* The same of an event's text; NGX_DECLINED when that is none. */
ngx_int_t ngx_mutt_trial_event(ngx_mutt_flow_t *flow, ngx_mutt_trial_t *t,
    mutt_str_t json);

/* A rule of its columns as text; its id is set by the caller. */
void ngx_mutt_trial_rule(mutt_rule_t *rule, const char **values);

/* Whether a rule is tried before another; one without id comes last. */
ngx_flag_t ngx_mutt_trial_before(int32_t priority, int32_t id, int32_t other,
    int32_t other_id);

/* The candidate takes its place before the next rule, NULL for the last. */
void ngx_mutt_trial_insert(ngx_mutt_trial_t *t, const mutt_rule_t *next);

/* Tries the rule of the present row on the event. */
ngx_int_t ngx_mutt_trial_try(ngx_mutt_flow_t *flow, ngx_mutt_trial_t *t);

/*
 * Goes through the rows with a function, and lets others have their turn: then
 * the step is entered again.
 */
ngx_int_t ngx_mutt_trial_turn(ngx_mutt_flow_t *flow, ngx_mutt_step_pt step,
    ngx_int_t (*try)(ngx_mutt_flow_t *flow, ngx_mutt_trial_t *t));

/* The rules that match, the winner first, and why the others do not. */
void ngx_mutt_trial_write(mutt_buf_t *b, ngx_mutt_trial_t *t);


#endif /* _NGX_MUTT_API_TRIAL_H_INCLUDED_ */
