// A rule as it is typed: every field a text, and what is wrong with it.

import type { Rule } from '../api/types';

export interface Draft {
    match_type: string;
    match_string: string;
    trap_oid: string;
    syslog_severity: string;
    priority: string;
    prod_handling: string;
    dev_handling: string;
    team_assignment: string;
    is_active: boolean;
}

export const blank: Draft = {
    match_type: 'contains', match_string: '', trap_oid: '', syslog_severity: '',
    priority: '100', prod_handling: 'Ticket_only', dev_handling: 'Log_only',
    team_assignment: '', is_active: true,
};

/* The beginning of a rule for what was seen. */
export function draftFor(text: string, trap: string): Draft {
    return { ...blank, match_string: text, trap_oid: trap,
        match_type: trap === '' ? 'contains' : 'oid_prefix' };
}

/* What may be written; the rest of a rule is the server's. */
export const writable = ['match_type', 'match_string', 'trap_oid', 'syslog_severity',
    'priority', 'prod_handling', 'dev_handling', 'team_assignment',
    'is_active'] as const;

export function draftOf(rule: Rule): Draft {
    return {
        ...rule, match_string: rule.match_string ?? '',
        trap_oid: rule.trap_oid ?? '',
        syslog_severity: rule.syslog_severity === null ? ''
            : String(rule.syslog_severity),
        priority: String(rule.priority),
    };
}

export function bodyOf(draft: Draft): Record<string, unknown> {
    return {
        match_type: draft.match_type,
        match_string: draft.match_string === '' ? null : draft.match_string,
        trap_oid: draft.trap_oid.trim() === '' ? null : draft.trap_oid.trim(),
        syslog_severity: draft.syslog_severity === '' ? null
            : Number(draft.syslog_severity),
        priority: Number(draft.priority),
        prod_handling: draft.prod_handling,
        dev_handling: draft.dev_handling,
        team_assignment: draft.team_assignment.trim(),
        is_active: draft.is_active,
    };
}

/* What is wrong at once; the server looks at the rest. */
export function faults(draft: Draft): Partial<Record<keyof Draft, string>> {
    const wrong: Partial<Record<keyof Draft, string>> = {};
    const priority = Number(draft.priority);

    if (draft.match_type !== 'oid_prefix' && draft.match_string === '') {
        wrong.match_string = 'what has to be in the message';
    }
    if ([...draft.match_string].length > 1024) {
        wrong.match_string = 'at most 1024 characters';
    }
    if (draft.match_type === 'oid_prefix' && draft.trap_oid.trim() === '') {
        wrong.trap_oid = 'the beginning of an OID';
    }
    if (draft.trap_oid.trim() !== ''
        && !/^\.?\d+(\.\d+)*(\.\*)?$/.test(draft.trap_oid.trim())) {
        wrong.trap_oid = 'numbers with dots between them';
    }
    if (draft.priority.trim() === '' || !Number.isInteger(priority)
        || priority < 0 || priority > 1_000_000) {
        wrong.priority = '0 to 1000000';
    }
    if (draft.team_assignment.trim() === ''
        || draft.team_assignment.length > 100) {
        wrong.team_assignment = '1 to 100 characters';
    }
    return wrong;
}
