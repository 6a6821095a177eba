/*
 * What the commands of muttdev share.  A command is one row: its name, its
 * help and its function; keys and passwords come from the environment or a
 * stack's mutt.env, never from an argument.
 */

#ifndef MUTTDEV_H
#define MUTTDEV_H

#include "conf/mutt_settings.h"
#include "core/mutt_error.h"

#define MUTTDEV_DONE 0
#define MUTTDEV_FAILED 1
#define MUTTDEV_USAGE 2

/* options.h has both. */
typedef struct option_s option_t;
typedef struct options_s options_t;

typedef struct {
    const char *name;     /* "check ledger" */
    const char *synopsis; /* what may follow it */
    const char *summary;  /* a line of the list of commands */
    const char *help;     /* the rest of its page; ends in a line feed */
    const option_t *own;  /* its options, up to a row without a name, or NULL */
    /* Returns the exit status. */
    int (*run)(const options_t *options);
    /* Instead of it, for a command that reads what follows its name itself;
     * argv[0] is the last word of the name. */
    int (*run_words)(int argc, char **argv);
} muttdev_command_t;

extern const muttdev_command_t muttdev_check_ledger;
extern const muttdev_command_t muttdev_check_orphans;
extern const muttdev_command_t muttdev_check_promise;
extern const muttdev_command_t muttdev_config_get;
extern const muttdev_command_t muttdev_config_history;
extern const muttdev_command_t muttdev_config_list;
extern const muttdev_command_t muttdev_config_set;
extern const muttdev_command_t muttdev_config_unset;
extern const muttdev_command_t muttdev_dlq_list;
extern const muttdev_command_t muttdev_dlq_purge;
extern const muttdev_command_t muttdev_dlq_replay;
extern const muttdev_command_t muttdev_dlq_show;
extern const muttdev_command_t muttdev_doctor;
extern const muttdev_command_t muttdev_down;
extern const muttdev_command_t muttdev_e2e;
extern const muttdev_command_t muttdev_keys_add;
extern const muttdev_command_t muttdev_keys_limit;
extern const muttdev_command_t muttdev_keys_list;
extern const muttdev_command_t muttdev_keys_revoke;
extern const muttdev_command_t muttdev_keys_rotate;
extern const muttdev_command_t muttdev_load;
extern const muttdev_command_t muttdev_logs;
extern const muttdev_command_t muttdev_partitions;
extern const muttdev_command_t muttdev_queues;
extern const muttdev_command_t muttdev_retention;
extern const muttdev_command_t muttdev_rules_export;
extern const muttdev_command_t muttdev_rules_import;
extern const muttdev_command_t muttdev_rules_list;
extern const muttdev_command_t muttdev_rules_test;
extern const muttdev_command_t muttdev_send;
extern const muttdev_command_t muttdev_setup;
extern const muttdev_command_t muttdev_slo;
extern const muttdev_command_t muttdev_status;
extern const muttdev_command_t muttdev_tail;
extern const muttdev_command_t muttdev_up;
extern const muttdev_command_t muttdev_version;

/* Prints how a command is called, on stderr; returns MUTTDEV_USAGE. */
int muttdev_usage(const muttdev_command_t *command);

/* Prints a command's page; returns MUTTDEV_DONE. */
int muttdev_help(const muttdev_command_t *command);

/*
 * The settings that the workers would have: of the environment, or, where it
 * names neither a Redis nor a PostgreSQL, of the private stack's mutt.env in
 * $MUTT_HOME (default var).  Deadlines that are not given are longer than a
 * worker's.  The caller destroys them.
 */
MUTT_CHECKED mutt_rc_t muttdev_settings(mutt_settings_t **settings,
                                        mutt_err_t *err);

/* A variable of the environment, or else of the stack's mutt.env; NULL: none
 * of both. */
const char *muttdev_variable(const char *name);

/* A variable of the environment alone; NULL when it is empty or not set. */
const char *muttdev_environment(const char *name);

/* A variable of the stack's mutt.env alone; NULL when there is none. */
const char *muttdev_stack(const char *name);

/* The state directory of the private stack; NULL when there is none. */
const char *muttdev_home(void);

/* Reads "60" or "60s" as seconds; false when it is neither. */
bool muttdev_seconds(const char *text, double *seconds);

#endif
