// Rows of a list that is as long as it likes: only those in sight exist.

import { Component, type JSX } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

import { useNarrow } from '../lib/narrow';
import { drawn, moved, type Spot } from '../lib/window';

interface VirtualProps {
    label: string;
    count: number;
    row: (index: number) => JSX.Element;
    /* Which rows are in sight, so that they can be had. */
    onSight?: (first: number, last: number) => void;
    head?: JSX.Element;
    height: number;                  /* of a row */
    tall: number;                    /* of a row where there is little width */
    reset: string;                   /* another list: back to its top */
}

const spare = 12;

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

export function Virtual(props: VirtualProps): JSX.Element {
    const ref = useRef<HTMLDivElement>(null);
    const space = useRef<HTMLDivElement>(null);
    const [view, setView] = useState<Spot & { height: number }>(
        { top: 0, at: 0, height: 800 });
    const height = useNarrow() ? props.tall : props.height;
    const total = props.count * height;
    const first = Math.max(0, Math.min(props.count,
        Math.floor(view.at / height)) - spare);
    const last = Math.min(props.count,
        Math.ceil((view.at + view.height) / height) + spare);
    const now = useRef({ total, spot: view as Spot });
    const measure = useRef(() => undefined as void);

    now.current.total = total;
    measure.current = () => {
        const box = ref.current;

        if (box !== null) {
            const head = box.scrollHeight - drawn(now.current.total);
            const spot = moved({ total: now.current.total,
                view: box.clientHeight - Math.max(0, head) },
            now.current.spot, box.scrollTop);

            if (spot.top !== box.scrollTop) {
                box.scrollTop = spot.top;
            }
            now.current.spot = { at: spot.at, top: box.scrollTop };
            setView({ ...now.current.spot, height: box.clientHeight });
        }
    };

    useLayoutEffect(() => {
        const box = ref.current;

        if (box === null) {
            return undefined;
        }
        let asked = 0;
        const soon = (): void => {
            asked = asked === 0 ? requestAnimationFrame(() => {
                asked = 0;
                measure.current();
            }) : asked;
        };
        const observer = new ResizeObserver(soon);

        observer.observe(box);
        box.addEventListener('scroll', soon, { passive: true });
        return () => {
            observer.disconnect();
            box.removeEventListener('scroll', soon);
            cancelAnimationFrame(asked);
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
        if (total !== drawn(total)) {
            measure.current();
        }
    }, [total]);

    /* each row stands where it belongs, so that others are not drawn anew;
       set by the object model, since the policy takes no style in markup */
    const offset = view.top - view.at;

    return (
        <div class="virtual" ref={ref} tabIndex={0} role="table"
            aria-label={props.label} aria-rowcount={props.count}>
            {props.head}
            <div ref={space} role="rowgroup">
                {Array.from({ length: Math.max(0, last - first) }, (_, i) => (
                    <div key={first + i} class="slot" role="presentation"
                        style={{ top: `${(first + i) * height + offset}px` }}>
                        {props.row(first + i)}
                    </div>
                ))}
            </div>
        </div>
    );
}
