// Rows of a list that is as long as it likes: only those in sight exist.

import { Component, type JSX } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

import { useNarrow } from '../lib/narrow';
import { drawn, moved, type Spot } from '../lib/window';

export interface VirtualRow {
    readonly class: string;
    readonly of: readonly unknown[];  /* what its cells are made from */
    readonly cells: () => JSX.Element;
}

interface VirtualProps {
    label: string;
    count: number;
    row: (index: number) => VirtualRow;
    /* Which rows are in sight, so that they can be had. */
    onSight?: (first: number, last: number) => void;
    head?: JSX.Element;
    height: number;                  /* of a row */
    tall: number;                    /* of a row where there is little width */
    reset: string;                   /* another list: back to its top */
}

/* Where the browser stands, and the rows that are to exist there. */
interface Window {
    readonly spot: Spot;
    readonly first: number;
    readonly last: number;
}

const spare = 12;                    /* rows beyond the edges, that are ready */
const settle = 100;                  /* ms without a leap */

/* A row that is drawn anew only when what it shows is something else. */
export class Still extends Component<{ of: readonly unknown[];
    draw: () => JSX.Element }> {
    override shouldComponentUpdate(next: { of: readonly unknown[] }): boolean {
        return next.of.some((value, i) => value !== this.props.of[i]);
    }

    render(): JSX.Element {
        return this.props.draw();
    }
}

/* What stands for a row that is being had. */
export function Pending(): JSX.Element {
    return <span role="cell" class="dim">...</span>;
}

export function Virtual(props: VirtualProps): JSX.Element {
    const ref = useRef<HTMLDivElement>(null);
    const space = useRef<HTMLDivElement>(null);
    const height = useNarrow() ? props.tall : props.height;
    const total = props.count * height;
    const now = useRef({ total, height, view: 800, head: 0,
        spot: { top: 0, at: 0 } as Spot });
    const of = now.current;

    of.total = total;
    of.height = height;

    const look = (beyond: number): Window => ({ spot: of.spot,
        first: Math.floor(of.spot.at / of.height) - beyond,
        last: Math.ceil((of.spot.at + of.view) / of.height) + beyond });
    const [seen, setSeen] = useState(() => look(spare));
    const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
    const first = Math.max(0, Math.min(props.count - 1, seen.first));
    const last = Math.min(props.count, seen.last);

    /* no size is read here: that of the box is known from its observer */
    const scrolled = (): void => {
        const box = ref.current;

        if (box === null) {
            return;
        }
        const top = box.scrollTop, before = of.spot.at;

        of.spot = moved({ total: of.total, view: of.view - of.head }, of.spot,
            top);
        if (of.spot.top !== top) {
            box.scrollTop = of.spot.top;
            of.spot = { at: of.spot.at, top: box.scrollTop };
        }
        /* who leaps sees nothing of what is beyond the edges */
        const leaps = Math.abs(of.spot.at - before) > of.view / 2;
        const next = look(leaps ? 1 : spare);

        clearTimeout(timer.current);
        if (leaps) {
            timer.current = setTimeout(() => latest.current(), settle);
        }

        setSeen(old => old.first === next.first && old.last === next.last
            && old.spot.top - old.spot.at === next.spot.top - next.spot.at
            ? old : next);
    };
    const latest = useRef(scrolled);

    latest.current = scrolled;

    useLayoutEffect(() => {
        const box = ref.current;

        if (box === null) {
            return undefined;
        }
        let asked = 0;
        const soon = (): void => {
            asked = asked === 0 ? requestAnimationFrame(() => {
                asked = 0;
                latest.current();
            }) : asked;
        };
        const observer = new ResizeObserver(() => {
            of.view = box.clientHeight;
            of.head = Math.max(0, box.scrollHeight - drawn(of.total));
            soon();
        });

        observer.observe(box);
        box.addEventListener('scroll', soon, { passive: true });
        return () => {
            observer.disconnect();
            box.removeEventListener('scroll', soon);
            cancelAnimationFrame(asked);
            clearTimeout(timer.current);
        };
    }, []);

    useEffect(() => {
        ref.current?.scrollTo(0, 0);
    }, [props.reset]);

    useEffect(() => {
        props.onSight?.(first, last);
    }, [first, last, props.count]);

    useLayoutEffect(() => {
        space.current?.style.setProperty('height', `${drawn(total)}px`);
        latest.current();
    }, [total]);

    /* each row stands where it belongs, so that others are not drawn anew;
       set by the object model, since the policy takes no style in markup */
    const offset = seen.spot.top - seen.spot.at;

    return (
        <div class="virtual" ref={ref} tabIndex={0} role="table"
            aria-label={props.label} aria-rowcount={props.count}>
            {props.head}
            <div ref={space} role="rowgroup">
                {Array.from({ length: Math.max(0, last - first) }, (_, i) => {
                    const index = first + i, row = props.row(index);

                    return (
                        <div key={index} role="row" aria-rowindex={index + 1}
                            class={`slot ${row.class}`}
                            style={{ top: `${index * height + offset}px` }}>
                            <Still of={row.of} draw={row.cells} />
                        </div>
                    );
                })}
            </div>
        </div>
    );
}
