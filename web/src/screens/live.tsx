// Events as they arrive, with what was decided for each.

import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';

import { get } from '../api/client';
import { explain } from '../api/errors';
import type { Event, Events, LiveEvent } from '../api/types';
import { useDebounced } from '../lib/debounce';
import { brief, count, severities, words } from '../lib/format';
import { health } from '../lib/health';
import { useShortcuts, type Shortcut } from '../lib/keys';
import { usePoll } from '../lib/poll';
import { href, setParams, usePlace } from '../lib/router';
import { useStore } from '../lib/store';
import { useStream, type Stream } from '../lib/stream';
import { ago } from '../lib/time';
import { Badge, Button, Empty, Page, type Tone } from '../ui/basics';
import { Choice, Filters as FilterForm, Text } from '../ui/form';
import { Still } from '../ui/virtual';
import { EventCells, EventHead, decisions } from './event-row';
import { EventDetail } from './events';

/* What was decided; where nothing was, how it ended. */
function decided(event: LiveEvent): string {
    return event.handling_decision
        ?? (event.outcome === 'unhandled' ? 'Unhandled' : event.outcome);
}

/* How it stands with what is shown, in a word and a sentence. */
function standing(stream: Stream, paused: boolean, redis: boolean):
    readonly [Tone, string, string] {
    if (stream.state === 'away') {
        return ['bad', 'away', `${explain(stream.error)} Tried again ${
            stream.again === null ? 'soon' : ago(new Date(stream.again))}.`];
    }
    if (!redis) {
        return ['bad', 'Redis is away', 'Nothing is decided until it is back; '
            + 'then this goes on by itself.'];
    }
    return paused ? ['warn', 'paused', '']
        : stream.state === 'connecting' ? ['dim', 'connecting', '']
        : ['good', 'live', ''];
}

function Row({ of }: { of: LiveEvent }): JSX.Element {
    return (
        <div role="row" class={`event ${of.outcome === 'earlier'
            ? 'earlier' : ''}`}>
            <EventCells id={of.event_id} at={of.received_at}
                level={of.syslog_severity} hostname={of.hostname}
                decision={decided(of)} message={of.message} />
        </div>
    );
}

/* The event that was chosen, as the audit has it, or as it was seen. */
function Chosen({ id, seen }: { id: string; seen: LiveEvent | undefined }):
    JSX.Element | null {
    const audited = usePoll(async s => (await get<Events>('audit-logs',
        { event_id: id, limit: 1 }, s)).logs[0] ?? null, 0, id);
    const event: Event | null = audited.data ?? (seen === undefined ? null
        : { ...seen, id: 0, event_timestamp: seen.received_at,
            handling_decision: decided(seen), raw_message: seen.message });

    return event === null ? null : <EventDetail event={event}
        whole={audited.data !== null}
        onClose={() => setParams({ event: null })} />;
}

const cleared = { hostname: null, severity: null, decision: null, rule_id: null,
    q: null };

export function Live(): JSX.Element {
    const { params } = usePlace();
    const [paused, setPaused] = useState(false);
    const redis = useStore(health)?.redis ?? 'connected';
    const host = params.get('hostname') ?? '';
    const level = params.get('severity') ?? '';
    const rule = params.get('rule_id') ?? '';
    const decision = params.get('decision') ?? '';
    const text = params.get('q') ?? '';
    const id = params.get('event');
    const settled = useDebounced({ hostname: host.trim(), severity: level,
        rule_id: /^[1-9]\d{0,8}$/.test(rule) ? rule : '', text }, 400);

    const wanted = (event: LiveEvent): boolean =>
        (host.trim() === '' || event.hostname.toLowerCase()
            === host.trim().toLowerCase())
        && (level === '' || (event.syslog_severity !== null
            && event.syslog_severity <= Number(level)))
        && (rule === '' || String(event.matched_rule_id) === rule)
        && (decision === '' || decided(event) === decision)
        && (text === '' || event.message.toLowerCase()
            .includes(text.toLowerCase()));
    const stream = useStream(paused, settled, wanted);
    const shown = stream.events.filter(wanted);
    const [tone, word, sentence] = standing(stream, paused,
        redis === 'connected');
    const filtered = [host, level, rule, decision, text].some(v => v !== '');

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
            <FilterForm set={[host, level, decision, rule, text]
                .filter(v => v !== '').length}>
                <Text label="Host" type="search" search value={host}
                    onInput={hostname => setParams({ hostname })}
                    placeholder="whole name" />
                <Choice label="Severity" value={level}
                    onInput={v => setParams({ severity: v })} options={[
                        ['', 'any'], ...severities.map((s, i) =>
                            [String(i), `${s} or worse`] as const)]} />
                <Choice label="Decision" value={decision}
                    onInput={v => setParams({ decision: v })} options={[
                        ['', 'any'], ...decisions.map(d =>
                            [d, words(d)] as const)]} />
                <Text label="Rule" value={rule} placeholder="id"
                    error={/^\d*$/.test(rule) ? undefined : 'a number'}
                    onInput={v => setParams({ rule_id: v })} />
                <Text label="Text" type="search" value={text}
                    onInput={q => setParams({ q })}
                    placeholder="in the message" />
            </FilterForm>
            <p class="summary live">
                <Badge tone={tone}>{word}</Badge>
                {stream.sampled && <Badge tone="info">sampled</Badge>}
                <span>{brief(Math.round(stream.rate * 10) / 10)}/s,{' '}
                    {count(stream.passed)} passed</span>
                {stream.missed > 0 && <span><b>{count(stream.missed)} not
                    shown</b>: more than one can read{filtered ? '' : '; filter'
                    + ' them'}, or look in <a href={href('events')}>Events</a>
                </span>}
                {sentence !== '' && <span role="status">{sentence}</span>}
            </p>
            {shown.length === 0
                ? <Empty title={filtered ? 'No event that passes the filters yet'
                    : 'Waiting for the first event'}>
                    {!filtered ? <p>Send one to <code>/api/v2/ingest</code>; it is
                        here as soon as it is decided.</p>
                        : <Button onClick={() => setParams(cleared)}>Clear the
                            filters</Button>}</Empty>
                : <div class="virtual passing" role="table" aria-label="Live events"
                    tabIndex={0}>
                    <div role="rowgroup">
                        <EventHead time="Received (local)" />
                        {shown.slice(0, 200).map(e =>
                            <Still key={e.event_id} of={[e]}
                                draw={() => <Row of={e} />} />)}
                    </div>
                </div>}
            {id !== null && <Chosen key={id} id={id}
                seen={stream.events.find(e => e.event_id === id)} />}
        </Page>
    );
}
