// The fields of a rule.

import type { JSX } from 'preact';

import { handlings, severities, words } from '../lib/format';
import { Check, Choice, Text } from '../ui/form';
import type { Draft } from './rule-draft';

export function Fields(props: { draft: Draft; wrong: Partial<Record<string, string>>;
    teams: readonly string[]; set: (change: Partial<Draft>) => void }):
    JSX.Element {
    const { draft, wrong, set } = props;
    const handling = handlings.map(h => [h, words(h)] as const);

    return (
        <div class="fields">
            <Choice label="Matches by" value={draft.match_type}
                onInput={match_type => set({ match_type })} options={[
                    ['contains', 'text in the message'],
                    ['regex', 'regular expression'],
                    ['oid_prefix', 'a trap OID, or below']]} />
            <Choice label="Only of severity" value={draft.syslog_severity}
                onInput={syslog_severity => set({ syslog_severity })} options={[
                    ['', 'any'], ...severities.map((s, i) =>
                        [String(i), `${i} ${s}`] as const)]} />
            <Text class="whole" mono label={draft.match_type === 'regex'
                ? 'Regular expression' : 'Text'} rows={2}
                value={draft.match_string} error={wrong.match_string} autofocus
                onInput={match_string => set({ match_string })}
                hint={draft.match_type === 'regex'
                    ? 'PCRE2, in any case, anywhere in the message'
                    : draft.match_type === 'contains' ? 'in any case'
                    : 'not needed; a trap is matched by its OID'} />
            <Text class="whole" mono label="Trap OID" value={draft.trap_oid}
                error={wrong.trap_oid} onInput={trap_oid => set({ trap_oid })}
                placeholder="1.3.6.1.6.3.1.1.5.3" />
            <Choice label="In production" value={draft.prod_handling}
                onInput={prod_handling => set({ prod_handling })}
                options={handling} />
            <Choice label="On development hosts" value={draft.dev_handling}
                onInput={dev_handling => set({ dev_handling })}
                options={handling} />
            <Text label="Team" value={draft.team_assignment} list={props.teams}
                error={wrong.team_assignment}
                onInput={team_assignment => set({ team_assignment })} />
            <Text label="Priority" type="number" value={draft.priority}
                error={wrong.priority} hint="the lowest is tried first"
                onInput={priority => set({ priority })} />
            <Check label="Enabled" checked={draft.is_active}
                onInput={is_active => set({ is_active })} />
        </div>
    );
}
