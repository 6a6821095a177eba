// One dead letter: why it died, and what it is.

import type { JSX } from 'preact';

import { get, part } from '../api/client';
import type { Letter } from '../api/types';
import { brief, line, plural, visible, words } from '../lib/format';
import { usePoll } from '../lib/poll';
import { href } from '../lib/router';
import { may } from '../lib/session';
import { Button, Loading, Moment, Trouble } from '../ui/basics';
import { Dialog } from '../ui/dialog';
import { Raw } from '../ui/raw';
import type { Act } from './dead-move';
import type { Queue } from './dead-queues';

export function Detail({ queue, letter, onClose, onAct }: { queue: Queue;
    letter: Letter; onClose: () => void; onAct: (act: Act) => void }):
    JSX.Element {
    const whole = usePoll(s => get<Letter & { text: string }>(
        `dead-letters/${queue}/${part(letter.id)}`, {}, s), 0, letter.id);

    return (
        <Dialog drawer onClose={onClose}
            title={`Dead ${letter.kind} of ${line(letter.hostname ?? '?', 60)}`}
            actions={may('write') && <>
                <Button kind="danger" onClick={() => onAct('discard')}>Discard
                </Button>
                <Button kind="main" disabled={letter.kind === 'malformed'}
                    onClick={() => onAct('replay')}>Replay</Button></>}>
            <p class="full"><bdi>{visible(letter.message ?? 'no message')}</bdi></p>
            <dl class="facts">
                <div><dt>Why</dt><dd><b>{words(line(
                    letter.failed_reason ?? 'unknown'))}</b></dd></div>
                <div><dt>Failed</dt><dd><Moment at={letter.failed_at} /></dd></div>
                <div><dt>Received</dt><dd><Moment at={letter.received_at} /></dd>
                </div>
                <div><dt>Tried</dt><dd>{plural(letter.attempts, 'attempt')},{' '}
                    {plural(letter.replays, 'replay')}</dd></div>
                <div><dt>Host</dt><dd>{letter.hostname === null ? '-'
                    : <a href={href('events', { hostname: letter.hostname })}>
                        <bdi>{line(letter.hostname)}</bdi></a>}</dd></div>
                <div><dt>Event</dt><dd>{letter.event_id === null ? '-'
                    : <a href={href('events', { event: letter.event_id })}>
                        <code>{line(letter.event_id)}</code></a>}</dd></div>
                <div><dt>Correlation id</dt><dd><code>{line(
                    letter.correlation_id ?? '-')}</code></dd></div>
                <div><dt>Size</dt><dd>{brief(letter.bytes)} bytes</dd></div>
            </dl>
            <h3>As it lies there</h3>
            {whole.data !== null ? <Raw text={whole.data.text} />
                : whole.error === null ? <Loading what="it" />
                : <Trouble error={whole.error} retry={whole.refresh} />}
        </Dialog>
    );
}
