/* Syslog severities, RFC 5424 section 6.2.1: numbers and words. */

#ifndef MUTT_SEVERITY_H
#define MUTT_SEVERITY_H

#include "core/mutt_str.h"

#define MUTT_SEVERITY_NONE (-1)
#define MUTT_SEVERITIES 8

/* 0..7 for a digit or a word in any case; MUTT_SEVERITY_NONE otherwise. */
int mutt_severity_parse(mutt_str_t text);

#endif
