#include "alerter.h"


static void
report_rule(void *data, int32_t rule_id, const char *why)
{
    mutt_run_t *run = data;

    mutt_log(mutt_run_log(run), MUTT_LOG_WARNING, "rules", "rule %d: %s",
             rule_id, why);
}


void
alerter_report_match(void *data, int32_t rule_id, const char *why)
{
    mutt_metric_add(mutt_run_metrics(data), MUTT_M_ALERTER_REGEX_LIMIT_ALL, 1);
    report_rule(data, rule_id, why);
}


static void
use_generation(mutt_run_t *run, alerter_t *a, mutt_generation_t *fresh)
{
    uint64_t *metrics = mutt_run_metrics(run);
    size_t rules = mutt_matcher_count(fresh->matcher);
    size_t hosts = mutt_directory_count(fresh->dev_hosts);
    size_t teams = mutt_directory_count(fresh->teams);

    mutt_generation_destroy(a->rules);
    a->rules = fresh;

    mutt_metric_set(metrics, MUTT_M_CACHE_RULES_ALL, (double) rules);
    mutt_metric_set(metrics, MUTT_M_CACHE_HOSTS_ALL, (double) hosts);
    mutt_metric_set(metrics, MUTT_M_CACHE_TEAMS_ALL, (double) teams);
    mutt_log(mutt_run_log(run), MUTT_LOG_INFO, "rules",
             "using %zu rules, %zu development hosts, %zu teams", rules, hosts,
             teams);
}


static void
load_failed(mutt_run_t *run, alerter_t *a, const mutt_load_t *load)
{
    uint64_t *metrics = mutt_run_metrics(run);

    mutt_metric_add(metrics, MUTT_M_CACHE_RELOAD_FAIL, 1);
    mutt_metric_add(metrics, MUTT_M_CACHE_RELOAD_FAILURES_ALL, 1);

    if (a->rules != NULL) {
        a->load_at = mutt_time_mono() + RETRY_AFTER;
        mutt_run_check(run, "rules", true, "reload failed, last good in use");
        mutt_log_failure(mutt_run_log(run), MUTT_LOG_WARNING, "rules",
                         &load->err, "reload failed, the last good rules stay");
    }
}


mutt_rc_t
alerter_take_load(mutt_run_t *run, alerter_t *a, mutt_err_t *err)
{
    uint64_t *metrics = mutt_run_metrics(run);
    mutt_load_t load;

    if (!mutt_loader_take(a->loader, &load)) {
        return MUTT_AGAIN;
    }

    if (load.rc != MUTT_OK) {
        load_failed(run, a, &load);
        *err = load.err;
        return load.rc;
    }

    for (size_t i = 0; i < load.n_reports && i < MUTT_LOAD_REPORTS; i++) {
        report_rule(run, load.reports[i].rule_id, load.reports[i].why);
    }

    if (load.n_reports > MUTT_LOAD_REPORTS) {
        mutt_log(mutt_run_log(run), MUTT_LOG_WARNING, "rules",
                 "%zu more rules cannot be used",
                 load.n_reports - MUTT_LOAD_REPORTS);
    }

    mutt_metric_add(metrics, MUTT_M_CACHE_RELOAD_OK, 1);
    mutt_metric_observe(metrics, MUTT_M_CACHE_RELOAD_LATENCY_ALL, load.seconds);
    mutt_run_check(run, "rules", true, "ok");
    a->load_at = 0;

    if (load.generation == NULL) {
        mutt_matcher_forgive(a->rules->matcher);
    } else {
        use_generation(run, a, load.generation);
    }

    /* the last thing: whoever sees it sees what it decides */
    mutt_run_check(run, "rules_version", true, load.version);

    return MUTT_OK;
}


mutt_rc_t
alerter_reload(mutt_run_t *run, mutt_err_t *err)
{
    alerter_t *a = mutt_run_ctx(run);

    a->load_at = 0;

    return mutt_loader_start(a->loader)
               ? MUTT_OK
               : mutt_fail(err, MUTT_UNAVAIL, "no thread for the rules");
}


void
alerter_repeat_load(mutt_run_t *run, alerter_t *a)
{
    mutt_err_t err;

    if (a->load_at != 0 && mutt_time_mono() >= a->load_at &&
        alerter_reload(run, &err) != MUTT_OK) {
        a->load_at = mutt_time_mono() + RETRY_AFTER;
    }
}
