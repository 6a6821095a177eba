// Hosts of development, and which team has which device.

import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';

import { part, send } from '../api/client';
import { explain } from '../api/errors';
import { every } from '../api/every';
import { csv, save, stamp } from '../lib/file';
import { line, plural } from '../lib/format';
import { useShortcuts, type Shortcut } from '../lib/keys';
import { usePoll } from '../lib/poll';
import { href, setParams, usePlace } from '../lib/router';
import { may } from '../lib/session';
import { Button, Empty, Loading, Page, Stale, Trouble } from '../ui/basics';
import { Confirm, Dialog, tell, typed } from '../ui/dialog';
import { Text } from '../ui/form';
import { Review } from './import';

interface Host {
    readonly hostname: string;
    readonly team_assignment?: string;
}

type Kind = 'dev-hosts' | 'teams';

const titles = { 'dev-hosts': 'Development hosts', teams: 'Teams' } as const;

/* Lines of "host" or "host,team", also with a tab or several spaces between;
   the head of an exported file is none. */
export function parseLines(kind: Kind, text: string):
    { hosts: Host[]; wrong: string[] } {
    const hosts: Host[] = [], wrong: string[] = [];
    const seen = new Set<string>();

    for (const raw of text.split(/\r?\n/)) {
        const [first = '', ...rest] = raw.trim().split(/\s*[,;\t]\s*|\s+/);
        const hostname = first.replace(/^"|"$/g, '');
        const team = rest.join(' ').replace(/^"|"$/g, '').trim();

        if (hostname === '' || hostname.toLowerCase() === 'hostname'
            || hostname.startsWith('#') || seen.has(hostname.toLowerCase())) {
            continue;
        }
        seen.add(hostname.toLowerCase());
        if (hostname.length > 255 || (kind === 'teams' && team === '')) {
            wrong.push(raw);
        } else {
            hosts.push(kind === 'teams' ? { hostname, team_assignment: team }
                : { hostname });
        }
    }
    return { hosts, wrong };
}

interface Progress {
    readonly done: number;
    readonly of: number;
    readonly failed: readonly string[];
}

/* Four at a time. */
async function each<T>(items: readonly T[], run: (item: T) => Promise<unknown>,
    name: (item: T) => string, tell: (progress: Progress) => void):
    Promise<Progress> {
    const failed: string[] = [];
    let done = 0, next = 0;

    const hand = async (): Promise<void> => {
        while (next < items.length) {
            const item = items[next++] as T;

            try {
                await run(item);
            } catch (error) {
                failed.push(`${name(item)}: ${explain(error)}`);
            }
            done++;
            tell({ done, of: items.length, failed });
        }
    };

    await Promise.all([hand(), hand(), hand(), hand()]);
    return { done, of: items.length, failed };
}

function Work({ progress }: { progress: Progress }): JSX.Element {
    return (
        <div role="status">
            <progress max={progress.of} value={progress.done}
                aria-label="Progress">{progress.done}</progress>
            <p>{progress.done} of {progress.of}
                {progress.failed.length > 0
                    && `, ${progress.failed.length} failed`}</p>
            {progress.failed.length > 0 && <ul class="failed">
                {progress.failed.slice(0, 20).map(f =>
                    <li key={f}><bdi>{line(f)}</bdi></li>)}</ul>}
        </div>
    );
}

function Paste({ kind, onClose, onDone }: { kind: Kind; onClose: () => void;
    onDone: () => void }): JSX.Element {
    const [text, setText] = useState('');
    const [reviewing, setReviewing] = useState(false);
    const { hosts, wrong } = parseLines(kind, text);

    if (reviewing) {
        return <Review sets={kind === 'teams' ? { teams: hosts }
            : { dev_hosts: hosts }} mode="merge" onClose={onClose}
            title={`What changes in ${titles[kind].toLowerCase()}`}
            onBack={() => setReviewing(false)} onDone={onDone} />;
    }

    const read = async (input: HTMLInputElement): Promise<void> => {
        const file = input.files?.[0];

        if (file !== undefined) {
            setText((await file.text()).slice(0, 2_000_000));
        }
    };

    return (
        <Dialog title={`Add to ${titles[kind].toLowerCase()}`} onClose={onClose}
            holds={text.trim() === '' ? null : typed} actions={<>
                <Button onClick={onClose}>Cancel</Button>
                <Button kind="main" disabled={hosts.length === 0}
                    onClick={() => setReviewing(true)}>Compare{' '}
                    {plural(hosts.length, 'host')}</Button></>}>
            <Text label={kind === 'teams' ? 'One host and its team a line'
                : 'One host a line'} mono rows={8} value={text} autofocus
                onInput={setText} placeholder={kind === 'teams'
                    ? 'core-r1, Network\ncore-r2, Network' : 'lab-r1\nlab-r2'}
                error={wrong.length > 0 ? `${plural(wrong.length, 'line')} cannot `
                    + `be read, the first: ${line(wrong[0] ?? '', 60)}` : undefined}
                hint={kind === 'teams' ? 'A host that has a team gets the new one.'
                    : undefined} />
            <label class="filepick">or from a file{' '}
                <input type="file" accept=".csv,.txt,text/plain,text/csv"
                    onChange={e => void read(e.currentTarget)} /></label>
        </Dialog>
    );
}

export function Hosts(): JSX.Element {
    const { params } = usePlace();
    const kind: Kind = params.get('list') === 'teams' ? 'teams' : 'dev-hosts';
    const list = usePoll(s => every<Host>(kind, kind === 'teams' ? 'teams'
        : 'hosts', s), 20_000, kind);
    const text = params.get('q') ?? '';
    const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
    const [adding, setAdding] = useState(false);
    const [removing, setRemoving] = useState<readonly string[] | null>(null);
    const [progress, setProgress] = useState<Progress | null>(null);
    const [most, setMost] = useState(500);
    const needle = text.toLowerCase();
    const hosts = list.data ?? [];
    const shown = hosts.filter(h => h.hostname.toLowerCase().includes(needle)
        || h.team_assignment?.toLowerCase().includes(needle));
    const picked = shown.filter(h => chosen.has(h.hostname))
        .map(h => h.hostname);

    const shortcuts = useMemo((): Shortcut[] => [
        { keys: 'n', what: 'Add hosts', run: () => setAdding(true) },
        { keys: 'r', what: 'Ask again', run: list.refresh },
    ], [list.refresh]);

    useShortcuts(shortcuts);

    const toggle = (name: string, on: boolean): void => {
        const next = new Set(chosen);

        if (on) {
            next.add(name);
        } else {
            next.delete(name);
        }
        setChosen(next);
    };

    return (
        <Page title="Hosts and teams" lead={kind === 'teams'
            ? 'Who gets what no rule has matched, by device.'
            : 'Events of these hosts are handled as the rules say for development.'}
        actions={<>
            <Button icon="save" disabled={hosts.length === 0}
                onClick={() => save(`mutt-${kind}-${stamp()}.csv`, 'text/csv',
                    csv(kind === 'teams' ? ['hostname', 'team_assignment']
                        : ['hostname'], hosts as unknown as
                        Record<string, unknown>[]))}>Export</Button>
            {may('write') && <Button kind="main" icon="plus" keys="n"
                onClick={() => setAdding(true)}>Add hosts</Button>}
        </>}>
            <div class="tabs" role="tablist" aria-label="List">
                {(Object.keys(titles) as Kind[]).map(name => (
                    <button key={name} type="button" role="tab"
                        aria-selected={kind === name} onClick={() => {
                            setChosen(new Set());
                            setParams({ list: name, q: null }, true);
                        }}>{titles[name]}</button>))}
            </div>
            <form class="filters" onSubmit={e => e.preventDefault()}>
                <Text label="Search" type="search" search value={text}
                    placeholder={kind === 'teams' ? 'part of a host or team'
                        : 'part of a name'} onInput={q => setParams({ q })} />
                {may('write') && <div class="quick"><Button kind="danger"
                    disabled={picked.length === 0}
                    onClick={() => setRemoving(picked)}>
                    Remove {picked.length === 0 ? 'selected'
                        : plural(picked.length, 'host')}</Button></div>}
            </form>
            <p class="summary" role="status">{list.data !== null
                && (shown.length === hosts.length ? plural(hosts.length, 'host')
                    : `${shown.length} of ${plural(hosts.length, 'host')}`)}{' '}
                <Stale at={list.at} error={list.error} limit={40} /></p>
            <Trouble error={list.error} retry={list.refresh} />
            {list.data === null ? list.error === null && <Loading what="hosts" />
                : hosts.length === 0
                ? <Empty title={kind === 'teams' ? 'No device has a team yet'
                    : 'All hosts are of production'}>
                    {kind === 'teams' ? 'Unmatched events go to the default team.'
                        : 'Add the hosts of your laboratory, so that nobody is '
                            + 'paged for them.'}<br />
                    {may('write') && <Button kind="main" icon="plus"
                        onClick={() => setAdding(true)}>Add hosts</Button>}</Empty>
                : shown.length === 0 ? <Empty title="No host matches">
                    <Button onClick={() => setParams({ q: null })}>Show all
                    </Button></Empty>
                : <div class="scroll" tabIndex={0} role="region"
                    aria-label="Hosts, scrollable"><table>
                    <thead><tr>
                        {may('write') && <th class="pick"><input type="checkbox"
                            aria-label={`Select all ${shown.length}`}
                            checked={picked.length === shown.length}
                            onInput={e => setChosen(new Set(
                                e.currentTarget.checked
                                    ? shown.map(h => h.hostname) : []))} /></th>}
                        <th>Host</th>{kind === 'teams' && <th>Team</th>}
                        <th><span class="unseen">Events</span></th></tr></thead>
                    <tbody>{shown.slice(0, most).map(h => (
                        <tr key={h.hostname}>
                            {may('write') && <td class="pick"><input
                                type="checkbox"
                                aria-label={`Select ${line(h.hostname, 80)}`}
                                checked={chosen.has(h.hostname)} onInput={e =>
                                    toggle(h.hostname, e.currentTarget.checked)} />
                            </td>}
                            <td><bdi>{line(h.hostname)}</bdi></td>
                            {kind === 'teams'
                                && <td><bdi>{line(h.team_assignment ?? '')}</bdi></td>}
                            <td class="n"><a href={href('events',
                                { hostname: h.hostname })}>its events</a></td>
                        </tr>
                    ))}</tbody></table></div>}
            {shown.length > most && <p class="more"><Button
                onClick={() => setMost(most + 2000)}>Show more of{' '}
                {plural(shown.length - most, 'further host')}</Button></p>}
            {adding && <Paste kind={kind} onClose={() => setAdding(false)}
                onDone={list.refresh} />}
            {removing !== null && <Confirm danger reason="optional"
                title={`Remove from ${titles[kind].toLowerCase()}`}
                act={`Remove ${plural(removing.length, 'host')}`}
                onClose={() => { setRemoving(null); setProgress(null); }}
                run={async reason => {
                    const end = await each(removing, name => send('DELETE',
                        `${kind}/${part(name)}`, reason === '' ? {}
                            : { body: { reason } }), name => name, setProgress);

                    list.refresh();
                    setChosen(new Set());
                    if (end.failed.length > 0) {
                        throw new Error(`${plural(end.failed.length, 'host')} `
                            + 'could not be removed.');
                    }
                    tell(`${plural(removing.length, 'host')} removed.`);
                }}>
                <p>{plural(removing.length, 'host')}: {removing.slice(0, 5)
                    .map(n => line(n, 60)).join(', ')}
                {removing.length > 5 && ' ...'}</p>
                {progress !== null && <Work progress={progress} />}
            </Confirm>}
        </Page>
    );
}
