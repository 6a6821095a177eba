// The rules in the order in which they are tried.

import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';

import { part, send, text as textOf } from '../api/client';
import { explain } from '../api/errors';
import { every } from '../api/every';
import type { Rule } from '../api/types';
import { save, stamp } from '../lib/file';
import { line, plural, severity, visible, words } from '../lib/format';
import { useShortcuts, type Shortcut } from '../lib/keys';
import { usePoll } from '../lib/poll';
import { setParams, usePlace } from '../lib/router';
import { may } from '../lib/session';
import { Badge, Button, Empty, Loading, Opens, Page, Stale, Trouble, When }
    from '../ui/basics';
import { Confirm, tell } from '../ui/dialog';
import { Choice, Switch, Text } from '../ui/form';
import { Import } from './import';
import { Editor } from './rule';
import { useHits, type Hits } from './rule-hits';

const shownAtOnce = 250;

/* A priority that puts a rule between two others, or null if there is none. */
export function between(low: number, high: number): number | null {
    return high - low > 1 ? Math.floor((low + high) / 2) : null;
}

/*
 * What has to be written so that rules[from] is tried just before or after
 * its neighbour.  Rules of one priority are tried by id.
 */
export function moved(rules: readonly Rule[], from: number, step: -1 | 1):
    readonly (readonly [Rule, number])[] {
    const rule = rules[from], other = rules[from + step];

    if (rule === undefined || other === undefined) {
        return [];
    }
    const beyond = rules[from + 2 * step]?.priority
        ?? (step < 0 ? Math.max(-1, other.priority - 20) : other.priority + 20);
    const space = step < 0 ? between(beyond, other.priority)
        : between(other.priority, beyond);

    if (space !== null) {
        return [[rule, space]];
    }
    if (rule.priority !== other.priority) {
        return [[rule, other.priority], [other, rule.priority]];
    }
    return step < 0 ? [[rule, Math.max(0, other.priority - 1)]]
        : [[rule, other.priority + 1]];
}

function Row(props: { rule: Rule; index: number; hits: Hits | null;
    last: boolean; onMove: (step: -1 | 1) => void;
    onSwitch: () => void }): JSX.Element {
    const { rule, hits } = props;
    const name = `rule ${rule.id}`;
    const hit = hits?.get(rule.id);

    return (
        <tr class={rule.is_active ? '' : 'off'}>
            <td class="n nowrap">{rule.priority}
                {may('write') && <span class="move">
                    <Button kind="quiet" icon="up" label={`Try ${name} earlier`}
                        disabled={props.index === 0}
                        onClick={() => props.onMove(-1)} />
                    <Button kind="quiet" icon="down" label={`Try ${name} later`}
                        disabled={props.last} onClick={() => props.onMove(1)} />
                </span>}
            </td>
            <td>
                <Opens params={{ id: rule.id }}>
                    <code><bdi>{line(rule.match_string ?? rule.trap_oid ?? '-',
                        200)}</bdi></code></Opens>
                <span class="sub">{rule.id} {'\u00b7'} {words(rule.match_type)}
                    {rule.match_string !== null && rule.trap_oid !== null
                        && <>{' \u00b7 '}<code>{rule.trap_oid}</code></>}
                    {rule.syslog_severity !== null
                        && ` \u00b7 only ${severity(rule.syslog_severity)}`}</span>
            </td>
            <td><Badge tone={rule.prod_handling.startsWith('Page') ? 'bad'
                : rule.prod_handling === 'Ticket_only' ? 'warn' : 'dim'}>
                {words(rule.prod_handling)}</Badge></td>
            <td class="dim">{words(rule.dev_handling)}</td>
            <td>{visible(rule.team_assignment)}</td>
            <td class="n">{hits === null ? '' : hit === undefined ? '0'
                : `${hit.capped ? '>' : ''}${hit.count}`}</td>
            <td class="nowrap">{hits === null ? '' : <When at={hit?.last} />}</td>
            <td><Switch label={`${rule.is_active ? 'Disable' : 'Enable'} ${name}`}
                checked={rule.is_active} disabled={!may('write')}
                onChange={props.onSwitch} /></td>
        </tr>
    );
}

export function Rules(): JSX.Element {
    const { params } = usePlace();
    const list = usePoll(s => every<Rule>('rules', 'rules', s), 15_000,
        'rules');
    const hits = useHits();
    const text = params.get('q') ?? '';
    const team = params.get('team') ?? '';
    const state = params.get('state') ?? '';
    const id = params.get('id');
    const [most, setMost] = useState(shownAtOnce);
    const [switching, setSwitching] = useState<Rule | null>(null);
    const rules = list.data ?? [];
    const teams = [...new Set(rules.map(r => r.team_assignment))].sort();
    const needle = text.toLowerCase();
    const shown = rules.filter(r => (team === '' || r.team_assignment === team)
        && (state === '' || r.is_active === (state === 'on'))
        && (needle === '' || [r.match_string, r.trap_oid, r.team_assignment,
            r.prod_handling, r.dev_handling, String(r.id)]
            .some(v => v?.toLowerCase().includes(needle))));
    const whole = shown.length === rules.length;

    const shortcuts = useMemo((): Shortcut[] => [
        { keys: 'n', what: 'New rule', run: () => setParams({ id: 'new' }, true) },
        { keys: 'r', what: 'Ask again', run: list.refresh },
    ], []);

    useShortcuts(shortcuts);

    const move = async (rule: Rule, step: -1 | 1): Promise<void> => {
        const from = rules.indexOf(rule);

        try {
            for (const [one, priority] of moved(rules, from, step)) {
                await send('PUT', `rules/${part(one.id)}`, { body: { priority,
                    reason: `tried ${step < 0 ? 'earlier' : 'later'}` } });
            }
        } catch (error) {
            tell(explain(error), 'bad');
        }
        list.refresh();
    };

    const exported = async (): Promise<void> => {
        try {
            save(`mutt-rules-${stamp()}.json`, 'application/json',
                await textOf('rules/export'));
        } catch (error) {
            tell(explain(error), 'bad');
        }
    };

    return (
        <Page title="Rules" lead="Tried from the lowest priority; the first that
            matches decides." actions={<>
            <Button icon="save" onClick={() => void exported()}>Export</Button>
            {may('write') && <Button icon="up" onClick={() =>
                setParams({ import: 1 }, true)}>Import</Button>}
            {may('write') && <Button kind="main" icon="plus" keys="n"
                onClick={() => setParams({ id: 'new' }, true)}>New rule</Button>}
        </>}>
            <form class="filters" onSubmit={e => e.preventDefault()}>
                <Text label="Search" type="search" search value={text}
                    placeholder="pattern, OID, team, id"
                    onInput={q => setParams({ q })} />
                <Choice label="Team" value={team} onInput={v =>
                    setParams({ team: v })} options={[['', 'all'],
                    ...teams.map(t => [t, visible(t)] as const)]} />
                <Choice label="State" value={state} onInput={v =>
                    setParams({ state: v })} options={[['', 'all'],
                    ['on', 'enabled'], ['off', 'disabled']]} />
            </form>
            <p class="summary" role="status">
                {list.data !== null && (whole ? plural(rules.length, 'rule')
                    : `${shown.length} of ${plural(rules.length, 'rule')}`)}
                {' '}<Stale at={list.at} error={list.error} limit={30} /></p>
            <Trouble error={list.error} retry={list.refresh} />
            {list.data === null ? list.error === null && <Loading what="rules" />
                : rules.length === 0
                ? <Empty title="There is no rule yet">
                    <p>Without a rule every event is only counted.</p>
                    {may('write') && <Button kind="main" icon="plus"
                        onClick={() => setParams({ id: 'new' }, true)}>
                        Make the first one</Button>}</Empty>
                : shown.length === 0
                ? <Empty title="No rule matches this search">
                    <Button onClick={() => setParams({ q: null, team: null,
                        state: null })}>Show all</Button></Empty>
                : <div class="scroll" tabIndex={0} role="region"
                    aria-label="Rules, scrollable"><table class="rules">
                    <thead><tr><th class="n">Priority</th><th>Matches</th>
                        <th>Handling</th><th>Development</th><th>Team</th>
                        <th class="n">Hits, 24 h</th><th>Last hit</th><th>On</th>
                    </tr></thead>
                    <tbody>{shown.slice(0, most).map(rule => {
                        const index = rules.indexOf(rule);

                        return <Row key={rule.id} rule={rule} index={index}
                            hits={hits} last={index === rules.length - 1}
                            onMove={step => void move(rule, step)}
                            onSwitch={() => setSwitching(rule)} />;
                    })}</tbody>
                </table></div>}
            {shown.length > most && <p class="more"><Button
                onClick={() => setMost(most + 1000)}>Show more of{' '}
                {plural(shown.length - most, 'further rule')}</Button></p>}
            {switching !== null && <Confirm onClose={() => setSwitching(null)}
                title={`${switching.is_active ? 'Disable' : 'Enable'} rule ${
                    switching.id}`} reason="optional"
                act={switching.is_active ? 'Disable' : 'Enable'}
                run={async reason => {
                    await send('PUT', `rules/${part(switching.id)}`, { body: {
                        is_active: !switching.is_active,
                        ...(reason !== '' && { reason }) } });
                    list.refresh();
                }}>
                <p><code><bdi>{line(switching.match_string
                    ?? switching.trap_oid ?? '')}</bdi></code></p>
                <p>{switching.is_active
                    ? 'Events that it matched go to the next rule that matches.'
                    : 'It is tried again from now on.'}</p>
            </Confirm>}
            {params.has('import') && <Import onDone={list.refresh}
                onClose={() => setParams({ import: null })} />}
            {id !== null && <Editor key={`${id} ${params.get('text') ?? ''}`}
                id={id === 'new' ? null : Number(id)}
                rules={rules} text={params.get('text') ?? ''}
                trap={params.get('trap_oid') ?? ''} onSaved={list.refresh}
                onClose={() => setParams({ id: null, text: null,
                    trap_oid: null })} />}
        </Page>
    );
}
