// What a rule would match: tried by the server on a pasted event, and on what
// was audited last.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import { send } from '../api/client';
import { ApiError } from '../api/errors';
import { count, line, plural } from '../lib/format';
import { useDebounced } from '../lib/debounce';
import { usePoll } from '../lib/poll';
import { href } from '../lib/router';
import { Badge, Button, Loading, Trouble, When } from '../ui/basics';
import { Text } from '../ui/form';
import { bodyOf, type Draft } from './rule-draft';

interface Match {
    id: number | null;
    candidate: boolean;
    priority: number;
    match_string: string | null;
    trap_oid: string | null;
    wins: boolean;
    why: string;
}

interface Sample {
    candidate: { matches: boolean; wins: boolean; why: string } | null;
    rules: number;
    winner: { id: number | null } | null;
    matches: Match[];
    not_matching: Record<string, number>;
}

interface Recent {
    tested: number;
    matches: number;
    new: number;
    keeps: number;
    takes: number;
    loses: number;
    gives_up: number;
    limited: number;
    rivals: { id: number; priority: number; takes: number; loses: number;
        match_string: string | null; why: string }[];
    samples: { event_id: string; event_timestamp: string; hostname: string;
        message: string | null; outcome: string;
        matched_rule_id: number | null }[];
}

/* What is on trial: the fields that decide whether it matches. */
function candidate(draft: Draft): Record<string, unknown> {
    const { match_type, match_string, trap_oid, syslog_severity, priority }
        = bodyOf(draft);

    return { match_type, match_string, trap_oid, syslog_severity, priority };
}

/* What was pasted: a JSON object, or just a message. */
function sample(text: string): Record<string, unknown> | string {
    const trimmed = text.trim();

    if (!trimmed.startsWith('{')) {
        return { message: trimmed };
    }
    try {
        const event = JSON.parse(trimmed) as Record<string, unknown>;
        const known = ['message', 'hostname', 'syslog_severity', 'trap_oid'];

        return Object.fromEntries(Object.entries(event)
            .filter(([name]) => known.includes(name)));
    } catch (error) {
        return error instanceof Error ? error.message : String(error);
    }
}

const outcomes: Readonly<Record<string, string>> = {
    new: 'new: no rule had it', keeps: 'its own already',
    takes: 'taken from another rule', loses: 'another rule comes first',
    gives_up: 'no longer its own',
};

function History({ of }: { of: Recent }): JSX.Element {
    const figures = [['match', of.matches], ['new', of.new],
        ['its own already', of.keeps], ['taken from others', of.takes],
        ['left to others', of.loses], ['given up', of.gives_up]] as const;

    return (
        <>
            <dl class="row">{figures.map(([name, n]) => (
                <div key={name}><dt>{name}</dt><dd>{count(n)}</dd></div>))}</dl>
            {of.rivals.length > 0 && <div class="scroll plain"><table class="small">
                <thead><tr><th>Other rule</th><th class="n">Would be taken</th>
                    <th class="n">Stays with it</th></tr></thead>
                <tbody>{of.rivals.map(r => (
                    <tr key={r.id}>
                        <td><a href={href('rules', { id: r.id })}>{r.id}</a>{' '}
                            <code><bdi>{line(r.match_string ?? '', 60)}</bdi></code>
                            <span class="sub">{r.why}</span></td>
                        <td class="n">{count(r.takes)}</td>
                        <td class="n">{count(r.loses)}</td>
                    </tr>))}</tbody></table></div>}
            {of.samples.length > 0 && <details><summary>
                {plural(of.samples.length, 'sample')}</summary>
            <ul class="feed">{of.samples.map(s => (
                <li key={s.event_id}><span>
                    <Badge tone={s.outcome === 'takes' || s.outcome === 'gives_up'
                        ? 'warn' : s.outcome === 'loses' ? 'dim' : 'info'}>
                        {outcomes[s.outcome] ?? s.outcome}</Badge>{' '}
                    <b><bdi>{line(s.hostname, 60)}</bdi></b>{' '}
                    <When at={s.event_timestamp} /></span>
                <bdi>{line(s.message ?? '', 200)}</bdi></li>))}</ul></details>}
        </>
    );
}

function Verdict({ of }: { of: Sample }): JSX.Element {
    return (
        <>
            <p role="status">{of.candidate === null || !of.candidate.matches
                ? <><Badge tone="dim">no match</Badge> {of.candidate?.why}</>
                : of.candidate.wins
                ? <><Badge tone="good">decides</Badge> it is the first that matches</>
                : <><Badge tone="warn">matches</Badge> but another rule comes
                    first</>}</p>
            {of.matches.length > 0 && <ol class="feed">{of.matches.map((m, i) => (
                <li key={m.id ?? `candidate ${i}`}><span>
                    {m.candidate ? <b>this rule</b> : <a href={href('rules',
                        { id: m.id })}>rule {m.id}</a>}{' '}
                    <code><bdi>{line(m.match_string ?? m.trap_oid ?? '', 100)}</bdi>
                    </code></span><span class="dim">{m.why}</span></li>))}</ol>}
        </>
    );
}

export function Trial({ id, draft, event: seen, ready }: { id: number | null;
    draft: Draft; event: string; ready: boolean }): JSX.Element {
    const [text, setText] = useState(seen);
    const [recent, setRecent] = useState(200);
    const rule = candidate(draft);
    const event = useDebounced(sample(text), 400);
    const given = text.trim() !== '';
    const base = { rule, ...(id !== null && { rule_id: id }) };
    const tried = usePoll(async signal => !ready ? null : (await send<Recent>(
        'POST', 'rules/test', { body: { ...base, recent }, signal,
            timeout: 30_000 })).data, 0,
    ready ? JSON.stringify([base, recent]) : 'not ready');
    const judged = usePoll(async signal => !ready || !given
        || typeof event === 'string' ? null : (await send<Sample>('POST',
            'rules/test', { body: { ...base, event }, signal })).data, 0,
    JSON.stringify([ready, given, base, event]));
    const absent = tried.error instanceof ApiError
        && [404, 405].includes(tried.error.status);

    if (!ready || absent) {
        return <p class="dim">{absent ? 'This server does not try rules.'
            : 'Fill the rule in first.'}</p>;
    }
    return (
        <>
            <Text label="An event, as JSON, or just its message" value={text} mono
                rows={3} onInput={setText} autofocus
                placeholder="%LINK-3-UPDOWN: Interface Te0/1, link down"
                error={given && typeof event === 'string' ? event : undefined} />
            {given && judged.data !== null && <Verdict of={judged.data} />}
            <Trouble error={judged.error} />
            <h3>On the last {count(recent)} audited events</h3>
            {tried.data !== null ? <History of={tried.data} />
                : tried.error === null ? <Loading what="what it would match" />
                : <Trouble error={tried.error} retry={tried.refresh} />}
            {recent < 1000 && tried.data !== null && <p class="more">
                <Button onClick={() => setRecent(1000)}>Try it on 1,000</Button>
            </p>}
        </>
    );
}
