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
            scales: { y: { range: (_, low, high) =>
                [Math.min(0, low ?? 0), (high ?? 0) > 0 ? (high ?? 0) * 1.1 : 1] } },
            series: [{}, { label: props.label, stroke: line, width: 1.75,
                fill: colour('--accent-fill'),
                points: { show: false } }],
            axes: [
                { ...axis, size: 24, space: 64, values: (_, splits) => splits.map(s => {
                    const at = new Date(s * 1000);

                    return `${String(at.getHours()).padStart(2, '0')}:`
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
                        <td>{format(props.values[i] ?? 0)}</td>
                    </tr>
                ))}</tbody>
            </table>
        </figure>
    );
}
