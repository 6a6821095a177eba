// The small parts that every screen is made of.

import type { ComponentChildren, JSX } from 'preact';
import { useState } from 'preact/hooks';

import { ApiError, explain } from '../api/errors';
import { here, href, setParams, type Params } from '../lib/router';
import { ago, local, parse, span, useNow, utc } from '../lib/time';
import { icons, type IconName } from './icons';

export type Tone = 'good' | 'warn' | 'bad' | 'dim' | 'info';

export function Icon({ name }: { name: IconName }): JSX.Element {
    return (
        <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
            <path d={icons[name]} />
        </svg>
    );
}

interface ButtonProps {
    children?: ComponentChildren;
    icon?: IconName;
    kind?: 'plain' | 'main' | 'danger' | 'quiet';
    label?: string;
    disabled?: boolean;
    busy?: boolean;
    pressed?: boolean;
    submit?: boolean;
    keys?: string;
    onClick?: (event: MouseEvent) => void;
}

export function Button(props: ButtonProps): JSX.Element {
    return (
        <button type={props.submit === true ? 'submit' : 'button'}
            class={`button ${props.kind ?? 'plain'}`}
            aria-label={props.label} title={props.label}
            aria-pressed={props.pressed} aria-busy={props.busy}
            aria-keyshortcuts={props.keys}
            disabled={props.disabled === true || props.busy === true}
            onClick={props.onClick}>
            {props.icon !== undefined && <Icon name={props.icon} />}
            {props.children !== undefined && <span>{props.children}</span>}
        </button>
    );
}

/* A state by shape and word, not by colour alone. */
export function Badge({ tone, children }:
    { tone: Tone; children: ComponentChildren }): JSX.Element {
    return <span class={`badge ${tone}`}>{children}</span>;
}

/* A link that opens something on this screen: its address can be had, opened
   beside this page, and shared. */
export function Opens({ params, children }: { params: Params;
    children: ComponentChildren }): JSX.Element {
    const { screen, params: now } = here();

    return (
        <a class="link" href={href(screen, { ...Object.fromEntries(now),
            ...params })} onClick={event => {
            if (event.button === 0 && !event.ctrlKey && !event.metaKey
                && !event.shiftKey && !event.altKey)
            {
                event.preventDefault();
                setParams(params, true);
            }
        }}>{children}</a>
    );
}

export function Panel(props: { title: string; aside?: ComponentChildren;
    class?: string; children: ComponentChildren }): JSX.Element {
    return (
        <section class={`panel ${props.class ?? ''}`} aria-label={props.title}>
            <header>
                <h2>{props.title}</h2>
                {props.aside !== undefined && <div class="aside">{props.aside}</div>}
            </header>
            {props.children}
        </section>
    );
}

export function Page(props: { title: string; lead?: string;
    actions?: ComponentChildren; children: ComponentChildren }): JSX.Element {
    return (
        <>
            <header class="page">
                <div>
                    <h1 tabIndex={-1}>{props.title}</h1>
                    {props.lead !== undefined && <p>{props.lead}</p>}
                </div>
                {props.actions !== undefined
                    && <div class="actions">{props.actions}</div>}
            </header>
            {props.children}
        </>
    );
}

/* What to do where there is nothing. */
export function Empty({ title, children }:
    { title: string; children?: ComponentChildren }): JSX.Element {
    return (
        <div class="empty">
            <p class="title">{title}</p>
            {children !== undefined && <div>{children}</div>}
        </div>
    );
}

/* Where the page came over plain HTTP from another host there is no clipboard
   but that of what is selected. */
async function copy(text: string, beside: HTMLElement): Promise<boolean> {
    if (navigator.clipboard !== undefined) {
        return navigator.clipboard.writeText(text).then(() => true, () => false);
    }
    const field = document.createElement('textarea');

    field.value = text;
    field.className = 'unseen';
    beside.after(field);
    field.select();
    const done = document.execCommand('copy');

    field.remove();
    beside.focus();
    return done;
}

export function Copy({ text, what }: { text: string; what: string }):
    JSX.Element {
    const [said, say] = useState<string | null>(null);

    return (
        <button type="button" class="copy" onClick={event => {
            void copy(text, event.currentTarget).then(done =>
                say(done ? 'copied' : 'not copied: select it by hand'));
            setTimeout(() => say(null), 2500);
        }}>{said ?? `copy ${what}`}</button>
    );
}

/* What went wrong, and what somebody who looks for it in the log needs. */
export function Trouble({ error, retry }:
    { error: unknown; retry?: () => void }): JSX.Element | null {
    if (error === null || error === undefined) {
        return null;
    }
    const id = error instanceof ApiError ? error.correlationId : null;

    return (
        <div class="trouble" role="alert">
            <p>{explain(error)}</p>
            {id !== null && <p class="id">
                Correlation id <code>{id}</code> <Copy text={id} what="id" />
            </p>}
            {retry !== undefined && <Button onClick={retry}>Try again</Button>}
        </div>
    );
}

export function Loading({ what }: { what: string }): JSX.Element {
    return <p class="loading" role="status">Loading {what}</p>;
}

/* A moment: relative in sight, local and UTC on demand. */
export function When({ at, plain }: { at: string | null | undefined;
    plain?: boolean }): JSX.Element {
    const now = useNow(5000);
    const moment = parse(at);

    if (moment === null) {
        return <span class="dim">never</span>;
    }
    return (
        <time dateTime={moment.toISOString()} class={plain === true ? '' : 'when'}
            title={`${local(moment)} local\n${utc(moment)}\n${ago(moment, now)}`}>
            {plain === true ? local(moment) : ago(moment, now)}
        </time>
    );
}

/* A moment in full, both ways. */
export function Moment({ at }: { at: string | null | undefined }): JSX.Element {
    const moment = parse(at);

    return moment === null ? <span class="dim">-</span> : (
        <time dateTime={moment.toISOString()} class="moment">
            <span>{local(moment)}</span>
            <span class="dim">{utc(moment)}, {ago(moment)}</span>
        </time>
    );
}

/* How old what one sees is, once that is worth a word. */
export function Stale({ at, error, limit = 20 }: { at: number | null;
    error: unknown; limit?: number }): JSX.Element | null {
    const now = useNow(1000);

    if (at === null || error === null || (now - at) / 1000 < limit) {
        return null;
    }
    return <Badge tone="warn">as of {span((now - at) / 1000)} ago</Badge>;
}

export function Kbd({ keys }: { keys: string }): JSX.Element {
    return <>{keys.split(' ').map((key, i) =>
        <kbd key={`${key}${i}`}>{key}</kbd>)}</>;
}
