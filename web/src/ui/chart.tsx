// A line over time, drawn by uPlot, with its numbers as a table for those who
// do not see it.

import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';

import { brief } from '../lib/format';
import { useStore } from '../lib/store';
import { theme } from '../lib/theme';

interface ChartProps {
    label: string;
    times: readonly number[];        /* seconds */
    values: readonly (number | null)[];
    height?: number;
    unit: string;
    format?: (value: number) => string;
    /* what is in sight at least */
    span?: readonly [number, number];
}

function colour(name: string): string {
    return getComputedStyle(document.documentElement)
        .getPropertyValue(name).trim();
}

export function Chart(props: ChartProps): JSX.Element {
    const ref = useRef<HTMLDivElement>(null);
    const plot = useRef<uPlot | null>(null);
    const scheme = useStore(theme);
    const height = props.height ?? 180;
    const format = props.format ?? brief;
    const { span } = props;
    const data = [[...props.times], [...props.values]] as uPlot.AlignedData;
    const latest = useRef(data);

    latest.current = data;

    useEffect(() => {
        const box = ref.current;

        if (box === null) {
            return undefined;
        }
        const line = colour('--accent');
        const axis = {
            stroke: colour('--dim'), font: '11px system-ui, sans-serif',
            grid: { stroke: colour('--grid'), width: 1 },
            ticks: { show: false },
        };
        const made = new uPlot({
            width: Math.max(box.clientWidth, 100), height,
            legend: { show: false },
            cursor: { y: false, drag: { x: false, y: false } },
            padding: [8, 18, 0, 0],
            scales: { y: { range: (_, low, high) => span === undefined
                ? [Math.min(0, low ?? 0), (high ?? 0) > 0 ? (high ?? 0) * 1.1 : 1]
                : [Math.min(span[0], low ?? 0), Math.max(span[1], high ?? 0)] } },
            series: [{}, { label: props.label, stroke: line, width: 1.75,
                fill: colour('--accent-fill'),
                points: { show: false } }],
            axes: [
                { ...axis, size: 24, space: 64, values: (_, splits) => splits.map(s => {
                    const at = new Date(s * 1000);
                    const [from = 0, to = 0] = [splits[0], splits.at(-1)];

                    return to - from > 129_600 ? `${String(at.getMonth() + 1)
                        .padStart(2, '0')}-${String(at.getDate())
                        .padStart(2, '0')}` : `${String(at.getHours()).padStart(2, '0')}:`
                        + String(at.getMinutes()).padStart(2, '0');
                }) },
                { ...axis, size: 46, space: 36,
                    values: (_, splits) => splits.map(v => format(v)) },
            ],
        }, latest.current, box);

        plot.current = made;

        const observer = new ResizeObserver(() =>
            made.setSize({ width: Math.max(box.clientWidth, 100), height }));

        observer.observe(box);
        return () => {
            observer.disconnect();
            made.destroy();
            plot.current = null;
        };
    }, [scheme, height]);

    useEffect(() => {
        plot.current?.setData(data);
    }, [props.times, props.values]);

    return (
        <figure class="chart">
            <div ref={ref} aria-hidden="true" />
            <table class="unseen">
                <caption>{props.label}, {props.unit}</caption>
                <thead><tr><th>Time</th><th>{props.unit}</th></tr></thead>
                <tbody>{props.times.map((at, i) => (
                    <tr key={at}>
                        <td>{new Date(at * 1000).toISOString().slice(0, 16)}Z</td>
                        <td>{props.values[i] == null ? '-'
                            : format(props.values[i] ?? 0)}</td>
                    </tr>
                ))}</tbody>
            </table>
        </figure>
    );
}

/* The same in the space of a word, beside the number that it has come to. */
export function Spark({ times, values, label }: { times: readonly number[];
    values: readonly (number | null)[]; label: string }): JSX.Element | null {
    const known = values.filter(v => v !== null);
    const [from = 0, to = 1] = [times[0], times.at(-1)];
    const low = Math.min(...known), high = Math.max(...known);
    const points = values.map((v, i) => v === null ? null : [
        2 + 96 * ((times[i] ?? from) - from) / Math.max(1, to - from),
        high === low ? 12 : 21 - 18 * (v - low) / (high - low)] as const);

    return known.length < 2 ? null : (
        <svg class="spark" viewBox="0 0 100 24" role="img" aria-label={label}>
            <path d={points.map((p, i) => p === null ? ''
                : `${i === 0 || points[i - 1] === null ? 'M' : 'L'}${
                    p[0].toFixed(1)} ${p[1].toFixed(1)}`).join('')} />
        </svg>
    );
}
