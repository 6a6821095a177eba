// Rows of a list that is as long as it likes: only those in sight exist.

import type { JSX } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

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

const narrow = matchMedia('(max-width: 48rem)');
const spare = 12;

export function useNarrow(): boolean {
    const [is, set] = useState(narrow.matches);

    useEffect(() => {
        const change = (): void => set(narrow.matches);

        narrow.addEventListener('change', change);
        return () => narrow.removeEventListener('change', change);
    }, []);
    return is;
}

export function Virtual(props: VirtualProps): JSX.Element {
    const ref = useRef<HTMLDivElement>(null);
    const [view, setView] = useState({ top: 0, height: 800 });
    const height = useNarrow() ? props.tall : props.height;
    const first = Math.max(0, Math.floor(view.top / height) - spare);
    const last = Math.min(props.count,
        Math.ceil((view.top + view.height) / height) + spare);

    useLayoutEffect(() => {
        const box = ref.current;

        if (box === null) {
            return undefined;
        }
        let asked = 0;
        const measure = (): void => {
            asked = 0;
            setView({ top: box.scrollTop, height: box.clientHeight });
        };
        const soon = (): void => {
            asked = asked === 0 ? requestAnimationFrame(measure) : asked;
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

    const space = useRef<HTMLDivElement>(null);
    const shift = useRef<HTMLDivElement>(null);

    /* by the object model, since the policy takes no style in markup */
    useLayoutEffect(() => {
        space.current?.style.setProperty('height', `${props.count * height}px`);
        shift.current?.style.setProperty('transform',
            `translateY(${first * height}px)`);
    }, [props.count, height, first]);

    return (
        <div class="virtual" ref={ref} tabIndex={0} role="table"
            aria-label={props.label} aria-rowcount={props.count}>
            {props.head}
            <div ref={space} role="rowgroup">
                <div ref={shift} role="presentation">
                    {Array.from({ length: Math.max(0, last - first) },
                        (_, i) => props.row(first + i))}
                </div>
            </div>
        </div>
    );
}
