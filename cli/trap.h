/* Records of SNMP traps, as events. */

#ifndef MUTT_CLI_TRAP_H
#define MUTT_CLI_TRAP_H

#include <stdbool.h>

#include <jansson.h>

#include "core/mutt_error.h"

/*
 * Gives a record what an event needs: hostname from source_ip, a message of
 * trap_oid and variables, "source" snmp.  False with err filled where it has
 * neither.
 */
bool trap_complete(json_t *record, mutt_err_t *err);

#endif
