// What became of an event, step by step, from what the server knows of it.

import type { JSX } from 'preact';

import { get, part } from '../api/client';
import { ApiError } from '../api/errors';
import { every } from '../api/every';
import type { Event, Letter, Letters, Rule } from '../api/types';
import { line, plural, severity, words } from '../lib/format';
import { usePoll } from '../lib/poll';
import { href } from '../lib/router';
import { parse, span } from '../lib/time';
import { Loading, Trouble, When } from '../ui/basics';

interface Found {
    readonly rule: Rule | null;
    readonly development: boolean;
    readonly letters: readonly (readonly [string, Letter])[];
    readonly told: Told | null;
}

interface Step {
    readonly step: string;
    readonly at: string | null;
    readonly changed_by?: string;
    readonly reason?: string | null;
}

/* An attempt to deliver its alert; none are told if the first succeeded. */
interface Delivery {
    readonly at: string;
    readonly attempt: number;
    readonly outcome: string;
    readonly reason: string;
    readonly status: number | null;     /* null: no answer */
    readonly seconds: number;
}

/* What the server itself tells of it. */
interface Told {
    readonly state: string;
    readonly steps: readonly Step[];
    readonly deliveries: readonly Delivery[];
    readonly deliveries_left_out?: number;   /* earlier ones, kept no longer */
    readonly rules_now: { readonly winner: { readonly id: number } | null } | null;
}

async function told(id: string, signal: AbortSignal): Promise<Told | null> {
    try {
        return await get<Told>(`events/${part(id)}/explain`, {}, signal);
    } catch (error) {
        if (error instanceof ApiError && error.status === 404) {
            return null;
        }
        throw error;
    }
}

async function rule(id: number | null, signal: AbortSignal):
    Promise<Rule | null> {
    try {
        return id === null ? null
            : await get<Rule>(`rules/${part(id)}`, {}, signal);
    } catch (error) {
        if (error instanceof ApiError && error.status === 404) {
            return null;
        }
        throw error;
    }
}

async function find(event: Event, signal: AbortSignal): Promise<Found> {
    const queues = ['alerter', 'moog', 'dead'] as const;
    const [of, hosts, server, ...lists] = await Promise.all([
        rule(event.matched_rule_id, signal),
        every<{ hostname: string }>('dev-hosts', 'hosts', signal),
        told(event.event_id, signal),
        ...queues.map(queue => get<Letters>(`dead-letters/${queue}`,
            { text: event.event_id, limit: 5 }, signal)),
    ]);

    const name = event.hostname.toLowerCase();

    return { rule: of, told: server,
        development: hosts.some(h => h.hostname.toLowerCase() === name),
        letters: lists.flatMap((list, i) => list.letters.map(letter =>
            [queues[i] ?? 'dead', letter] as const)) };
}

function Why({ event, found }: { event: Event; found: Found }): JSX.Element {
    const { rule: of } = found;

    if (event.matched_rule_id === null) {
        return <li>No rule matched: it was counted as unhandled.</li>;
    }
    if (of === null) {
        return <li>Rule {event.matched_rule_id} matched, which is deleted since;
            the <a href={href('audit', { table_name: 'alert_rules',
                record_key: event.matched_rule_id })}>audit</a> has what it was.
        </li>;
    }

    const changed = of.updated_at !== undefined
        && of.updated_at > event.received_at;

    return (
        <li><a href={href('rules', { id: of.id })}>Rule {of.id}</a> was the first
            to match: {of.match_type === 'oid_prefix' ? 'a trap below'
                : of.match_type === 'regex' ? 'the pattern' : 'a message with'}
            {' '}<code><bdi>{line((of.match_type === 'oid_prefix' ? of.trap_oid
                : of.match_string) ?? '', 200)}</bdi></code>
            {of.syslog_severity !== null
                && `, of severity ${severity(of.syslog_severity)} alone`}, at
            priority {of.priority}.
            {changed && <> <b>The rule was changed since</b>,{' '}
                <When at={of.updated_at} />; its history has what it was.</>}
        </li>
    );
}

const places: Readonly<Record<string, string>> = {
    alert_queued: 'Its alert waits in the alert queue.',
    retrying: 'Its alert waits for its next attempt.',
    sending: 'A forwarder has its alert in hand.',
    forwarded: 'Its alert is neither queued nor dead: it was delivered.',
};

const outcomes: Readonly<Record<string, string>> = {
    delivered: 'it was delivered',
    retry: 'it was to be tried again',
    dead_letter: 'it became a dead letter',
    dead: 'it was put aside for good',
    held: 'it was held back, without counting the attempt',
};

function Tried({ of }: { of: Delivery }): JSX.Element {
    return (
        <li class={of.outcome === 'delivered' ? '' : 'died'}>
            Attempt {of.attempt} to deliver, <When at={of.at} />:{' '}
            {of.status !== null ? <>the webhook answered <b>{of.status}</b></>
                : of.reason === 'connect' ? 'the webhook could not be reached'
                : of.reason === 'timeout' ? 'the webhook did not answer in time'
                : words(line(of.reason, 60))} ({of.seconds < 1
                ? `${Math.round(of.seconds * 1000)} ms` : span(of.seconds)});{' '}
            {outcomes[of.outcome] ?? words(line(of.outcome, 40))}.
        </li>
    );
}

function Done({ of }: { of: Step }): JSX.Element {
    return (
        <li>{line(of.step)} by <b>{line(of.changed_by ?? '', 60)}</b>{' '}
            <When at={of.at} />{of.reason != null
                && <>: <bdi>{line(of.reason, 200)}</bdi></>}.</li>
    );
}

/* Attempts, and what operators did with its dead letter, as they came. */
function History({ of }: { of: Told }): JSX.Element {
    const lines = [
        ...of.deliveries.map(d => [d.at, <Tried of={d} />] as const),
        ...of.steps.filter(s => s.changed_by !== undefined)
            .map(s => [s.at, <Done of={s} />] as const),
    ];
    const moment = (at: string | null): number =>
        parse(at)?.getTime() ?? Number.MAX_VALUE;
    const left = of.deliveries_left_out ?? 0;

    return <>{left > 0 && <li class="died">{plural(left, 'earlier attempt')} to
        deliver: how they ended is no longer kept.</li>}
    {lines.sort(([a], [b]) => moment(a) - moment(b))
        .map(([, shown]) => shown)}</>;
}

export function Explanation({ event }: { event: Event }): JSX.Element {
    const asked = usePoll(s => find(event, s), 0, event.event_id);
    const found = asked.data;

    if (found === null) {
        return asked.error === null ? <Loading what="what became of it" />
            : <Trouble error={asked.error} retry={asked.refresh} />;
    }
    return (
        <section aria-label="What became of it">
            <h3>What became of it</h3>
            <ol class="steps">
                <li>Accepted <When at={event.received_at} />, and queued in the same
                    step.</li>
                <Why event={event} found={found} />
                <li>{line(event.hostname, 80)} is {found.development
                    ? 'a development host' : 'of production'} now, and what was
                    decided is <b>{words(line(event.handling_decision, 40))}</b>
                    {found.rule !== null && <>; the rule says{' '}
                        {words(found.rule.prod_handling)} for production and{' '}
                        {words(found.rule.dev_handling)} for development</>}.</li>
                <li>{event.forwarded_to_moog
                    ? 'An alert was handed to the forwarder.'
                    : 'No alert was made: that decision is for the audit alone.'}
                </li>
                {found.told !== null && <History of={found.told} />}
                {found.letters.map(([queue, letter]) => (
                    <li key={letter.id} class="died">It lies among the{' '}
                        <a href={href('dead-letters', { queue,
                            text: event.event_id })}>dead letters</a>, after{' '}
                        {plural(letter.attempts, 'attempt')} and{' '}
                        {plural(letter.replays, 'replay')}:
                        {' '}<b>{words(line(letter.failed_reason ?? '?'))}</b>.
                    </li>))}
                {event.forwarded_to_moog && found.letters.length === 0
                    && <li>{places[found.told?.state ?? ''] ?? 'It is not among '
                        + 'the dead letters: it is delivered, or waits for its '
                        + 'turn or its next attempt.'}</li>}
            </ol>
            {found.told?.rules_now != null && (found.told.rules_now.winner === null
                ? <p>By the rules of now, none would match it.</p>
                : found.told.rules_now.winner.id !== event.matched_rule_id
                && <p>By the rules of now, <a href={href('rules',
                    { id: found.told.rules_now.winner.id })}>rule{' '}
                    {found.told.rules_now.winner.id}</a> would decide.</p>)}
        </section>
    );
}
