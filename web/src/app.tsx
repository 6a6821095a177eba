// The frame around every screen: navigation, the state of the server, who is
// signed in, shortcuts.

import { Component, type ComponentChildren, type JSX } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';

import { health as askHealth } from './api/client';
import type { Health } from './api/types';
import { health as healthNow } from './lib/health';
import { enable, enabled, known, useShortcuts, type Shortcut } from './lib/keys';
import { back, usePoll, type Polled } from './lib/poll';
import { go, href, usePlace } from './lib/router';
import { may, resume, signOut, standing } from './lib/session';
import { useStore } from './lib/store';
import { nextTheme, wish } from './lib/theme';
import { local, useNow, utc, zone } from './lib/time';
import { Button, Icon, Kbd, Loading, Trouble } from './ui/basics';
import { Dialog, Notices, tell } from './ui/dialog';
import { Check } from './ui/form';
import type { IconName } from './ui/icons';
import { SignIn } from './screens/signin';
import { Audit } from './screens/audit';
import { ConfigScreen } from './screens/config';
import { DeadLetters } from './screens/dead';
import { Events } from './screens/events';
import { Hosts } from './screens/hosts';
import { Keys } from './screens/keys';
import { Live } from './screens/live';
import { Overview } from './screens/overview';
import { Rules } from './screens/rules';
import { Slo } from './screens/slo';

interface Screen {
    readonly id: string;
    readonly title: string;
    readonly icon: IconName;
    readonly key: string;
    readonly group: string;
    readonly admin?: boolean;
    readonly view: () => JSX.Element;
}

const screens: readonly Screen[] = [
    { id: '', title: 'Overview', icon: 'overview', key: 'o', group: 'Watch',
        view: Overview },
    { id: 'live', title: 'Live', icon: 'live', key: 'l', group: 'Watch',
        view: Live },
    { id: 'events', title: 'Events', icon: 'events', key: 'e', group: 'Watch',
        view: Events },
    { id: 'slo', title: 'Objectives', icon: 'slo', key: 's', group: 'Watch',
        view: Slo },
    { id: 'dead-letters', title: 'Dead letters', icon: 'dead', key: 'd',
        group: 'Watch', view: DeadLetters },
    { id: 'rules', title: 'Rules', icon: 'rules', key: 'r', group: 'Decide',
        view: Rules },
    { id: 'hosts', title: 'Hosts and teams', icon: 'hosts', key: 'h',
        group: 'Decide', view: Hosts },
    { id: 'config', title: 'Configuration', icon: 'config', key: 'c',
        group: 'Run', view: ConfigScreen },
    { id: 'audit', title: 'Audit', icon: 'audit', key: 'a', group: 'Run',
        view: Audit },
    { id: 'keys', title: 'Keys', icon: 'keys', key: 'k', group: 'Run',
        admin: true, view: Keys },
];

function Clock(): JSX.Element {
    const now = new Date(useNow(1000));

    return (
        <p class="clock">
            {now.getTimezoneOffset() !== 0 && <time dateTime={now.toISOString()}>
                <b>{local(now).slice(11)}</b> {zone()}
            </time>}
            <time dateTime={now.toISOString()}>
                <b>{utc(now).slice(11, 19)}</b> UTC
            </time>
        </p>
    );
}

/* What is away, and what that means for the one who looks. */
function Banner({ health }: { health: Polled<Health> }): JSX.Element | null {
    const state = health.data;
    const text = health.error !== null
        ? 'The server does not answer. What is shown is the last that was '
            + 'known; it goes on by itself.'
        : state === null || state.status === 'healthy' ? null
        : state.status === 'unhealthy'
        ? 'Redis is away: events are refused with 503 until it is back. '
            + 'Nothing that was accepted is lost.'
        : 'PostgreSQL is away: events are taken and queued, but rules, events '
            + 'and settings cannot be read or changed until it is back.';

    return text === null ? null : (
        <div class={`banner ${state?.status === 'degraded'
            && health.error === null ? 'warn' : 'bad'}`} role="alert">
            <Icon name="warn" /><p>{text}</p>
        </div>
    );
}

function stateOf(health: Polled<Health>): readonly [string, string] {
    if (health.error !== null) {
        return ['bad', 'unreachable'];
    }
    switch (health.data?.status) {
        case 'healthy': return ['good', 'healthy'];
        case 'degraded': return ['warn', 'degraded'];
        case 'unhealthy': return ['bad', 'unhealthy'];
        default: return ['dim', 'asking'];
    }
}

function Help({ onClose }: { onClose: () => void }): JSX.Element {
    const on = useStore(enabled);

    return (
        <Dialog title="Keyboard shortcuts" onClose={onClose}>
            <dl class="shortcuts">
                {known().map(s => (
                    <div key={s.keys}>
                        <dt><Kbd keys={s.keys} /></dt><dd>{s.what}</dd>
                    </div>
                ))}
                <div><dt><Kbd keys="Esc" /></dt><dd>Close what is open</dd></div>
            </dl>
            <Check label="Use single-key shortcuts" checked={on}
                onInput={enable} />
        </Dialog>
    );
}

/* A defect in one screen leaves the others usable. */
class Guard extends Component<{ children: ComponentChildren },
    { error: unknown }> {
    override state = { error: null as unknown };

    static override getDerivedStateFromError(error: unknown): { error: unknown } {
        return { error };
    }

    render(): ComponentChildren {
        return this.state.error === null ? this.props.children : (
            <Trouble error={this.state.error}
                retry={() => this.setState({ error: null })} />
        );
    }
}

function Navigation({ at, close }: { at: string; close: () => void }):
    JSX.Element {
    const shown = screens.filter(s => s.admin !== true || may('admin'));
    const groups = [...new Set(shown.map(s => s.group))];

    return (
        <nav id="navigation" aria-label="Screens">
            {groups.map(group => (
                <div key={group}>
                    <h2>{group}</h2>
                    <ul>
                        {shown.filter(s => s.group === group).map(s => (
                            <li key={s.id}>
                                <a href={href(s.id)} onClick={close}
                                    aria-current={s.id === at ? 'page' : undefined}
                                    aria-keyshortcuts={`g ${s.key}`}>
                                    <Icon name={s.icon} /><span>{s.title}</span>
                                    <Kbd keys={`g ${s.key}`} />
                                </a>
                            </li>
                        ))}
                    </ul>
                </div>
            ))}
        </nav>
    );
}

function Frame(): JSX.Element {
    const place = usePlace();
    const now = useStore(standing);
    const theme = useStore(wish);
    const health = usePoll(() => askHealth<Health>(), 1500, 'health', 1500);
    const [helping, setHelping] = useState(false);
    const [open, setOpen] = useState(false);
    const main = useRef<HTMLElement>(null);
    const screen = screens.find(s => s.id === place.screen);
    const [tone, word] = stateOf(health);

    const shortcuts = useMemo((): Shortcut[] => [
        ...screens.map(s => ({ keys: `g ${s.key}`, what: `Go to ${s.title}`,
            run: () => go(s.id) })),
        { keys: '/', what: 'Search on this screen', run: () => {
            const field = document.querySelector<HTMLInputElement>(
                'main [data-search]');

            field?.focus();
            field?.select();
        } },
        { keys: 't', what: 'Dark, light, or as the system', run: nextTheme },
        { keys: '?', what: 'This list', run: () => setHelping(true) },
    ], []);

    useShortcuts(shortcuts);

    useEffect(() => {
        document.title = `${screen?.title ?? 'Not found'} - MUTT`;
        main.current?.querySelector('h1')?.focus({ preventScroll: true });
    }, [screen]);

    useEffect(() => {
        healthNow.set(health.error === null ? health.data : null);
    }, [health]);

    useEffect(() => {
        if (word === 'healthy') {
            dispatchEvent(new Event(back));
        }
    }, [word]);

    const session = now.state === 'in' ? now.session : null;

    return (
        <div class={`frame ${open ? 'open' : ''}`}>
            <a class="skip" href="#main" onClick={event => {
                event.preventDefault();
                main.current?.focus();
            }}>Skip to the content</a>
            <header class="top">
                <Button kind="quiet" icon="menu" label="Menu"
                    onClick={() => setOpen(!open)} />
                <a class="brand" href={href('')}>
                    <svg viewBox="0 0 32 32" aria-hidden="true">
                        <path d="M6 22V10l6 7 4-5 4 5 6-7v12" />
                    </svg>MUTT
                </a>
                <p class={`health ${tone}`}><i aria-hidden="true" />{word}</p>
                <Clock />
                <div class="tools">
                    <Button kind="quiet" onClick={nextTheme}
                        icon={({ auto: 'auto', dark: 'moon', light: 'sun' } as
                            const)[theme]} label={`Theme: ${theme}`} />
                    <Button kind="quiet" icon="help" label="Keyboard shortcuts"
                        onClick={() => setHelping(true)} />
                    {session !== null && <>
                        <span class="who" title={session.scopes.join(', ')}>
                            {session.name}</span>
                        <Button kind="quiet" icon="out" label="Sign out"
                            onClick={() => void signOut().catch(() =>
                                tell('Signing out failed.', 'bad'))} />
                    </>}
                </div>
            </header>
            <Navigation at={place.screen} close={() => setOpen(false)} />
            <main id="main" ref={main} tabIndex={-1}>
                <Banner health={health} />
                <Guard key={place.screen}>
                    {screen !== undefined ? <screen.view /> : (
                        <div class="empty"><h1 tabIndex={-1}>No such screen</h1>
                            <p><a href={href('')}>Go to the overview</a></p></div>
                    )}
                </Guard>
            </main>
            {helping && <Help onClose={() => setHelping(false)} />}
            {now.state === 'out' && now.lost && <SignIn again />}
            <Notices />
        </div>
    );
}

/* The server may be away when the page is opened. */
function Waiting({ error }: { error: unknown }): JSX.Element {
    useEffect(() => {
        const timer = setInterval(() => void resume(), 3000);

        return () => clearInterval(timer);
    }, []);
    return (
        <main class="lone"><h1>MUTT</h1><Trouble error={error} />
            <p role="status">Trying again by itself.</p></main>
    );
}

export function App(): JSX.Element {
    const now = useStore(standing);

    switch (now.state) {
        case 'asking': return <main class="lone"><Loading what="MUTT" /></main>;
        case 'unknown': return <Waiting error={now.error} />;
        case 'out': return now.lost ? <Frame /> : <SignIn />;
        case 'in': return <Frame />;
    }
}
