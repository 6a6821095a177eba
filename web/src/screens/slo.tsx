// The objectives: what was promised, what was held, how fast the rest is used.

import type { JSX } from 'preact';
import { useRef } from 'preact/hooks';

import { get } from '../api/client';
import type { Objective, Slo as Answer, SloComponent } from '../api/types';
import { percent, ratio, words } from '../lib/format';
import { usePoll } from '../lib/poll';
import { Badge, Empty, Loading, Page, Panel, Stale, Trouble, When }
    from '../ui/basics';
import { Chart } from '../ui/chart';
import { sloTone } from './overview';

interface Sample {
    readonly at: number;
    readonly budgets: Readonly<Record<string, number | null>>;
}

/* What was seen since the page was opened; the server keeps the last alone. */
const samples: Sample[] = [];

function remember(answer: Answer): void {
    const at = Math.floor(new Date(answer.evaluated_at ?? NaN).getTime() / 1000);

    if (Number.isFinite(at) && samples.at(-1)?.at !== at) {
        samples.push({ at, budgets: Object.fromEntries(
            Object.entries(answer.components).map(([name, c]) =>
                [name, c.error_budget_remaining])) });
        samples.splice(0, Math.max(0, samples.length - 2880));
    }
}

const windows = ['5m', '1h', '6h', '24h'] as const;

function Component({ name, of }: { name: string; of: SloComponent }):
    JSX.Element {
    const left = of.error_budget_remaining;
    const seen = samples.filter(s => s.budgets[name] != null);

    return (
        <Panel title={words(name)} aside={<Badge tone={sloTone[of.state]}>
            {of.state}</Badge>}>
            <dl class="row">
                <div><dt>target</dt><dd>{percent(of.target, 3)}</dd></div>
                <div><dt>availability, {of.window_hours} h</dt>
                    <dd>{percent(of.availability, 3)}</dd></div>
                <div><dt>budget left</dt><dd>{percent(left, 1)}</dd></div>
            </dl>
            <meter class="budget" min={0} max={1} low={0.25} high={0.5} optimum={1}
                value={Math.max(0, Math.min(1, left ?? 0))}
                aria-label={`Error budget left, ${percent(left, 1)}`} />
            <h3>Burn rate</h3>
            <dl class="burns">{windows.map(w => {
                const rate = of.burn_rates[w] ?? null;

                return (
                    <div key={w} class={rate === null ? 'dim'
                        : rate > 14.4 ? 'bad' : rate > 1 ? 'warn' : ''}>
                        <dt>{w}</dt><dd>{ratio(rate)}</dd></div>
                );
            })}</dl>
            <h3>Budget left since this page was opened</h3>
            {seen.length < 2 ? <p class="dim">Two evaluations make a line.</p>
                : <Chart label={`Budget left, ${words(name)}`} unit="ratio"
                    height={110} times={seen.map(s => s.at)}
                    values={seen.map(s => s.budgets[name] ?? null)}
                    format={v => percent(v, 0)} />}
        </Panel>
    );
}

function figure(s: Objective, n: number | null | undefined): string {
    return n === null || n === undefined ? '-' : s.target_seconds !== undefined
        ? `${n.toFixed(3)} s` : percent(n, 3);
}

export function Slo(): JSX.Element {
    const slo = usePoll(s => get<Answer>('slo', {}, s), 10_000, 'slo');
    const known = useRef<Answer | null>(null);
    const data = slo.data;

    if (data !== null && data !== known.current) {
        known.current = data;
        remember(data);
    }
    return (
        <Page title="Objectives" lead="A burn rate of 1 uses the budget up just at
            the end of the window.">
            <p class="summary">{data !== null && <>Over {data.window_hours} hours,
                evaluated <When at={data.evaluated_at} />{' '}
                {data.stale && <Badge tone="warn">stale</Badge>}</>}{' '}
                <Stale at={slo.at} error={slo.error} limit={30} /></p>
            <Trouble error={slo.error} retry={slo.refresh} />
            {data === null ? slo.error === null && <Loading what="objectives" />
                : <>
                    {data.evaluated_at === null
                        && <Empty title="Nothing was evaluated yet">
                            The remediation worker asks Prometheus, which
                            PROMETHEUS_URL names. A private stack has one
                            with <code>MUTT_WITH_PROMETHEUS=1 make up</code>.
                        </Empty>}
                    <div class="panels">{Object.entries(data.components)
                        .map(([name, of]) =>
                            <Component key={name} name={name} of={of} />)}</div>
                    <div class="scroll objectives" tabIndex={0} role="region"
                        aria-label="Objectives, scrollable"><table>
                        <thead><tr><th>Objective</th><th>State</th>
                            <th class="n">Target</th><th class="n">Actual</th>
                            <th class="n">Budget left</th><th class="n">Burn</th>
                        </tr></thead>
                        <tbody>{data.slos.map(s => (
                            <tr key={s.slo_name}>
                                <td>{words(s.slo_name)}
                                    <span class="sub">{s.description}
                                        {s.message !== '' && `: ${s.message}`}
                                    </span></td>
                                <td><Badge tone={sloTone[s.state]}>{s.state}
                                </Badge></td>
                                <td class="n">{figure(s, s.target
                                    ?? s.target_seconds)}</td>
                                <td class="n">{figure(s, s.actual_value)}</td>
                                <td class="n">{percent(s.error_budget_remaining, 1)}
                                </td>
                                <td class="n">{ratio(s.burn_rate)}</td>
                            </tr>))}</tbody>
                    </table></div>
                </>}
        </Page>
    );
}
