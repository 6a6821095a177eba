// What stands in front of a screen: dialogs, drawers, confirmations, notices.

import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

import { store, useStore } from '../lib/store';
import { Button, Trouble } from './basics';
import { Text } from './form';

/* What most that are left have to lose. */
export const typed = 'What was typed here is not saved.';

interface DialogProps {
    title: string;
    onClose: () => void;
    wide?: boolean;
    drawer?: boolean;
    /* what would be lost, if anything: it is asked about first */
    holds?: string | null;
    actions?: ComponentChildren;
    children: ComponentChildren;
}

/* A page that is left by accident takes with it what was typed, too. */
function useHeld(holds: boolean): void {
    useEffect(() => {
        const hold = (event: Event): void => event.preventDefault();

        if (holds) {
            addEventListener('beforeunload', hold);
        }
        return () => removeEventListener('beforeunload', hold);
    }, [holds]);
}

export function Dialog(props: DialogProps): JSX.Element {
    const ref = useRef<HTMLDialogElement>(null);
    const [leaving, setLeaving] = useState(false);
    const holds = props.holds ?? null;
    const leave = (): void => {
        if (holds !== null) {
            setLeaving(true);
        } else {
            props.onClose();
        }
    };
    const close = useRef(leave);

    close.current = leave;
    useHeld(holds !== null);

    const ask = (): void => ref.current?.querySelector<HTMLElement>(
        '.leaving .button')?.focus();

    useEffect(ask, [leaving]);

    useEffect(() => {
        const dialog = ref.current;
        const before = document.activeElement;

        dialog?.showModal();
        (dialog?.querySelector<HTMLElement>('[data-autofocus]')
            ?? dialog?.querySelector<HTMLElement>('h2'))?.focus();

        return () => {
            if (before instanceof HTMLElement && before.isConnected) {
                before.focus();
            }
        };
    }, []);

    return (
        <dialog ref={ref} aria-label={props.title}
            class={`${props.wide === true ? 'wide' : ''} `
                + `${props.drawer === true ? 'drawer' : ''}`}
            onCancel={event => { event.preventDefault(); close.current(); }}
            onClose={() => {
                /* a second Escape closes it without asking: it stays */
                ref.current?.showModal();
                close.current();
                ask();
            }}
            onMouseDown={event => {
                if (event.target === ref.current) {
                    close.current();
                }
            }}>
            <div class="sheet">
                <header>
                    <h2 tabIndex={-1}>{props.title}</h2>
                    <Button kind="quiet" icon="close" label="Close"
                        onClick={leave} />
                </header>
                {leaving && holds !== null && <div class="leaving" role="alert">
                    <p>{holds}</p>
                    <Button kind="main" onClick={() => setLeaving(false)}>
                        Keep on</Button>
                    <Button kind="danger" onClick={props.onClose}>
                        Throw it away</Button></div>}
                <div class="body">{props.children}</div>
                {props.actions !== undefined
                    && <footer>{props.actions}</footer>}
            </div>
        </dialog>
    );
}

interface ConfirmProps {
    title: string;
    act: string;                    /* what the button says */
    danger?: boolean;
    reason?: 'required' | 'optional' | 'none';
    children: ComponentChildren;
    run: (reason: string) => Promise<void>;
    onClose: () => void;
    ready?: boolean;             /* false: what it touches is not known yet */
}

/* Asks before something is done, with its reason, and shows why it failed. */
export function Confirm(props: ConfirmProps): JSX.Element {
    const [reason, setReason] = useState('');
    const [busy, setBusy] = useState(false);
    const [error, setError] = useState<unknown>(null);
    const wants = props.reason ?? 'none';

    const run = async (): Promise<void> => {
        setBusy(true);
        setError(null);
        try {
            await props.run(reason.trim());
            props.onClose();
        } catch (e) {
            setError(e);
            setBusy(false);
        }
    };

    return (
        <Dialog title={props.title} onClose={props.onClose} actions={<>
            <Button onClick={props.onClose}>Cancel</Button>
            <Button kind={props.danger === true ? 'danger' : 'main'} busy={busy}
                disabled={props.ready === false
                    || (wants === 'required' && reason.trim() === '')}
                onClick={() => void run()}>{props.act}</Button>
        </>}>
            {props.children}
            {wants !== 'none' && <Text label={wants === 'required' ? 'Reason'
                : 'Reason (optional)'} value={reason} onInput={setReason}
                maxLength={500} autofocus
                hint="It goes to the audit beside who and when." />}
            <Trouble error={error} />
        </Dialog>
    );
}

interface Notice {
    readonly id: number;
    readonly text: string;
    readonly tone: 'good' | 'bad';
}

const notices = store<readonly Notice[]>([]);
let last = 0;

/* Says that something was done. */
export function tell(text: string, tone: Notice['tone'] = 'good'): void {
    const id = ++last;

    notices.set([...notices.get(), { id, text, tone }].slice(-4));
    setTimeout(() => notices.set(notices.get().filter(n => n.id !== id)), 6000);
}

export function Notices(): JSX.Element {
    return (
        <div class="notices" role="status" aria-live="polite">
            {useStore(notices).map(n =>
                <p key={n.id} class={n.tone}>{n.text}</p>)}
        </div>
    );
}
