// The objectives: what was promised, what was held, how fast the rest is used.

import type { JSX } from 'preact';

import { get } from '../api/client';
import type { Objective, Slo as Answer, SloComponent, SloHistory }
    from '../api/types';
import { percent, ratio, words } from '../lib/format';
import { usePoll, type Polled } from '../lib/poll';
import { setParams, usePlace } from '../lib/router';
import { Badge, Empty, Loading, Page, Panel, Stale, Trouble, When }
    from '../ui/basics';
import { Chart, Spark } from '../ui/chart';
import { Choice } from '../ui/form';
import { sloTone } from './overview';

const windows = ['5m', '1h', '6h', '24h'] as const;

const spans = [['24', '24 hours'], ['168', '7 days'], ['720', '30 days']] as const;

type Values = readonly (number | null)[];

interface Curve {
    readonly times: readonly number[];
    readonly values: Values;
}

/* A line is broken where nothing was evaluated for long. */
function curve(history: SloHistory, values: Values): Curve {
    const times: number[] = [], broken: (number | null)[] = [];

    history.evaluated_at.forEach((text, i) => {
        const at = Math.floor(new Date(text).getTime() / 1000);
        const last = times.at(-1);

        if (last !== undefined && at - last > 2 * history.step_seconds) {
            times.push(last + history.step_seconds);
            broken.push(null);
        }
        times.push(at);
        broken.push(values[i] ?? null);
    });
    return { times, values: broken };
}

/* A component's budget is that of its availability. */
function budgetOf(history: SloHistory, component: string): Curve | null {
    const of = history.slos.find(s => s.slo_name.startsWith(`${component}_`)
        && s.error_budget_remaining !== null)?.error_budget_remaining;

    return of == null ? null : curve(history, of);
}

function Past({ name, history, span }: { name: string;
    history: Polled<SloHistory>; span: string }): JSX.Element {
    const of = history.data === null ? null : budgetOf(history.data, name);
    const points = of?.values.filter(v => v !== null).length ?? 0;

    return (
        <>
            <h3>Budget left over {span}</h3>
            {history.data === null ? history.error === null
                ? <Loading what="how it was" />
                : <Trouble error={history.error} retry={history.refresh} />
                : of === null || points < 2
                ? <p class="dim">Two evaluations with traffic make a line.</p>
                : <Chart label={`Budget left, ${words(name)}`} unit="ratio"
                    height={120} times={of.times} values={of.values} span={[0, 1]}
                    format={v => percent(v, 0)} />}
        </>
    );
}

function Component({ name, of, history, span }: { name: string;
    of: SloComponent; history: Polled<SloHistory>; span: string }): JSX.Element {
    const left = of.error_budget_remaining;

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
            <Past name={name} history={history} span={span} />
        </Panel>
    );
}

function figure(s: Objective, n: number | null | undefined): string {
    return n === null || n === undefined ? '-' : s.target_seconds !== undefined
        ? `${n.toFixed(3)} s` : percent(n, 3);
}

function Line({ of, history }: { of: Objective; history: SloHistory | null }):
    JSX.Element | null {
    const values = history?.slos.find(s => s.slo_name === of.slo_name)
        ?.actual_value;

    return history === null || values === undefined ? null
        : <Spark {...curve(history, values)}
            label={`${words(of.slo_name)} over time, now ${
                figure(of, of.actual_value)}`} />;
}

export function Slo(): JSX.Element {
    const { params } = usePlace();
    const [hours, span] = spans.find(([n]) => n === params.get('hours'))
        ?? spans[0];
    const slo = usePoll(s => get<Answer>('slo', {}, s), 10_000, 'slo');
    const history = usePoll(s => get<SloHistory>('slo/history', { hours }, s),
        60_000, `slo history ${hours}`);
    const data = slo.data;

    return (
        <Page title="Objectives" lead="A burn rate of 1 uses the budget up just at
            the end of the window." actions={
            <Choice class="inline" label="Over" value={hours} options={spans}
                onInput={v => setParams({ hours: v })} />}>
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
                        .map(([name, of]) => <Component key={name} name={name}
                            of={of} history={history} span={span} />)}</div>
                    <div class="scroll objectives" tabIndex={0} role="region"
                        aria-label="Objectives, scrollable"><table>
                        <thead><tr><th>Objective</th><th>State</th>
                            <th class="n">Target</th><th class="n">Actual</th>
                            <th>Over {span}</th>
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
                                <td><Line of={s} history={history.data} /></td>
                                <td class="n">{percent(s.error_budget_remaining, 1)}
                                </td>
                                <td class="n">{ratio(s.burn_rate)}</td>
                            </tr>))}</tbody>
                    </table></div>
                </>}
        </Page>
    );
}
