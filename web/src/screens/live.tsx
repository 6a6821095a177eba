// Events as they arrive, with what was decided for each.

import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';

import type { Event } from '../api/types';
import { brief, count, line, plural, severities, severity, words }
    from '../lib/format';
import { useShortcuts, type Shortcut } from '../lib/keys';
import { href, setParams, usePlace } from '../lib/router';
import { useStream, type Live as LiveEvent } from '../lib/stream';
import { local, parse } from '../lib/time';
import { Badge, Button, Empty, Page, type Tone } from '../ui/basics';
import { Choice, Text } from '../ui/form';
import { EventDetail, decisionTone, decisions, messageOf } from './events';

const states = { connecting: ['dim', 'connecting'], live: ['good', 'live'],
    away: ['bad', 'away, trying again'] } as const satisfies
    Record<string, readonly [Tone, string]>;

export function Live(): JSX.Element {
    const { params } = usePlace();
    const [paused, setPaused] = useState(false);
    const [open, setOpen] = useState<LiveEvent | null>(null);
    const host = (params.get('hostname') ?? '').toLowerCase();
    const level = params.get('severity') ?? '';
    const rule = params.get('rule_id') ?? '';
    const decision = params.get('decision') ?? '';
    const text = (params.get('q') ?? '').toLowerCase();

    const wanted = (event: LiveEvent): boolean => {
        const { severity: n } = messageOf(event.raw_message);

        return event.hostname.toLowerCase().includes(host)
            && (level === '' || (typeof n === 'number' && n <= Number(level)))
            && (rule === '' || String(event.matched_rule_id) === rule)
            && (decision === '' || event.handling_decision === decision)
            && (text === '' || event.raw_message.toLowerCase().includes(text));
    };
    const stream = useStream(paused, wanted);
    const shown = stream.events.filter(wanted);
    const [tone, word] = states[stream.state];

    const shortcuts = useMemo((): Shortcut[] => [
        { keys: 'p', what: 'Pause, or go on', run: () => setPaused(p => !p) },
        { keys: 'c', what: 'Clear', run: stream.clear },
    ], []);

    useShortcuts(shortcuts);

    return (
        <Page title="Live" lead="What is decided for events as they pass."
            actions={<>
                <Button icon={paused ? 'play' : 'pause'} pressed={paused} keys="p"
                    onClick={() => setPaused(!paused)}>
                    {paused ? `Go on${stream.held > 0
                        ? ` with ${count(stream.held)}` : ''}` : 'Pause'}</Button>
                <Button keys="c" onClick={stream.clear}>Clear</Button></>}>
            <form class="filters" onSubmit={e => e.preventDefault()}>
                <Text label="Host" type="search" search
                    value={params.get('hostname') ?? ''}
                    onInput={hostname => setParams({ hostname })}
                    placeholder="part of a name" />
                <Choice label="Severity" value={level}
                    onInput={v => setParams({ severity: v })} options={[
                        ['', 'any'], ...severities.map((s, i) =>
                            [String(i), `${s} or worse`] as const)]} />
                <Choice label="Decision" value={decision}
                    onInput={v => setParams({ decision: v })} options={[
                        ['', 'any'], ...decisions.map(d =>
                            [d, words(d)] as const)]} />
                <Text label="Rule" value={rule} placeholder="id"
                    onInput={v => setParams({ rule_id: v })} />
                <Text label="Text" type="search" value={params.get('q') ?? ''}
                    onInput={q => setParams({ q })}
                    placeholder="anywhere in it" />
            </form>
            <p class="summary">
                <Badge tone={paused ? 'warn' : tone}>{paused ? 'paused' : word}
                </Badge> {brief(stream.rate)}/s, {count(stream.seen)} seen
                {stream.dropped > 0 && <>{', '}<b>{plural(stream.dropped,
                    'event')} not shown</b>: they come faster than can be
                read; filter them, or look in{' '}
                <a href={href('events')}>Events</a></>}
            </p>
            {shown.length === 0
                ? <Empty title={stream.seen === 0 ? 'Waiting for the first event'
                    : 'No event that passes the filters yet'}>
                    {stream.seen === 0 ? <p>Send one to <code>/api/v2/ingest</code>;
                        what a rule matches is here at once.</p>
                        : <Button onClick={() => setParams({ hostname: null,
                            severity: null, decision: null, rule_id: null,
                            q: null })}>Clear the filters</Button>}</Empty>
                : <div class="virtual" role="table" aria-label="Live events"
                    tabIndex={0}>
                    <div role="rowgroup">
                        <div role="row" class="event head">
                            <span role="columnheader">Time (local)</span>
                            <span role="columnheader">Host</span>
                            <span role="columnheader">Severity</span>
                            <span role="columnheader">Decision</span>
                            <span role="columnheader">Message</span></div>
                        {shown.slice(0, 200).map(e => <Row key={e.event_id}
                            event={e} onOpen={() => setOpen(e)} />)}
                    </div>
                </div>}
            {open !== null && <EventDetail event={{ id: 0, ...open } as Event}
                onClose={() => setOpen(null)} />}
        </Page>
    );
}

function Row({ event, onOpen }: { event: LiveEvent; onOpen: () => void }):
    JSX.Element {
    const { message, severity: level } = messageOf(event.raw_message);
    const at = parse(event.received_at);

    return (
        <div role="row" class="event">
            <span role="cell" class="at">{at === null ? '-' : local(at)}</span>
            <span role="cell" class="host"><bdi>{line(event.hostname, 80)}</bdi>
            </span>
            <span role="cell" class={`severity s${String(level)}`}>
                {severity(level)}</span>
            <span role="cell" class="decision">
                <Badge tone={decisionTone(event.handling_decision)}>
                    {words(line(event.handling_decision, 40))}</Badge></span>
            <span role="cell" class="message"><button type="button" class="link"
                onClick={onOpen}><bdi>{line(message, 300)}</bdi></button></span>
        </div>
    );
}
