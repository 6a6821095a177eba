// The shapes of the management API (docs/api.md).

export interface Health {
    status: 'healthy' | 'degraded' | 'unhealthy';
    version: string;
    redis: string;
    database: string;
    durability?: string;
}

export interface Session {
    name: string;
    scopes: string[];
    csrf_token: string;
    expires_at: string;
}

export interface Pagination {
    page: number;
    limit: number;
    total: number;
    pages: number;
    total_capped?: boolean;
}

export interface Rates {
    summary: {
        current_rate_1m: number;
        avg_rate_15m: number;
        avg_rate_1h: number;
    };
    chart_24h: { labels: string[]; data: number[] };
}

export type SloState = 'ok' | 'warn' | 'critical' | 'unknown';

export interface SloComponent {
    target: number;
    availability: number | null;
    error_budget_remaining: number | null;
    burn_rate: number | null;
    state: SloState;
    window_hours: number;
    burn_rates: Record<string, number | null>;
}

export interface Objective {
    slo_name: string;
    description: string;
    window_hours: number;
    target?: number;
    target_seconds?: number;
    actual_value: number | null;
    error_budget_remaining: number | null;
    burn_rate: number | null;
    state: SloState;
    message: string;
}

export interface Slo {
    window_hours: number;
    evaluated_at: string | null;
    stale: boolean;
    components: Record<string, SloComponent>;
    slos: Objective[];
}

type Line = readonly (number | null)[];

export interface SloHistory {
    hours: number;
    step_seconds: number;
    evaluated_at: string[];
    slos: { slo_name: string; actual_value: Line;
        error_budget_remaining: Line | null; burn_rate: Line | null }[];
}

export interface Ledger {
    epoch: number;
    accepted: number;
    external_in: number;
    meta_created: number;
    terminal: Record<string, number>;
    in_flight: {
        ingest_queue: number;
        alert_queue: number;
        retry: number;
        dlq_alerter: number;
        dlq_moog: number;
        processing: Record<string, number>;
    };
    difference: number;
    regression: { events: number; at: string | null };
    durability: { configured: string; actual: string };
    oldest_in_flight_age_s: number | null;
    snapshot_ms: number;
}

export interface Rule {
    id: number;
    match_string: string | null;
    trap_oid: string | null;
    syslog_severity: number | null;
    match_type: 'contains' | 'regex' | 'oid_prefix';
    priority: number;
    prod_handling: string;
    dev_handling: string;
    team_assignment: string;
    is_active: boolean;
    created_at?: string;
    updated_at?: string;
    deleted_at?: string | null;
}

export interface Change {
    id: number;
    changed_at: string;
    changed_by: string;
    operation: 'CREATE' | 'UPDATE' | 'DELETE';
    table_name: string;
    record_id: number | null;
    record_key: string;
    old_values: Record<string, unknown> | null;
    new_values: Record<string, unknown> | null;
    reason: string | null;
    correlation_id: string | null;
}

export interface Changes {
    logs: Change[];
    pagination: Pagination;
    next_cursor: string | null;
}

export interface Setting {
    key: string;
    value: string | number | boolean;
    default: string | number | boolean;
    type: 'int' | 'float' | 'bool' | 'enum' | 'text';
    unit: string | null;
    min: number | null;
    max: number | null;
    choices: string[] | null;
    reader: string;
    description: string;
    is_default: boolean;
    updated_at: string | null;
    updated_by: string | null;
}

export interface Event {
    id: number;
    event_id: string;
    received_at: string;
    event_timestamp: string;
    hostname: string;
    matched_rule_id: number | null;
    handling_decision: string;
    forwarded_to_moog: boolean;
    raw_message: string;
    trap_oid?: string | null;           /* of one that the stream told of */
}

export interface Events {
    logs: Event[];
    pagination: Pagination;
    next_cursor: string | null;
}

/* An event as the stream of live ones has it. */
export interface LiveEvent {
    event_id: string;
    received_at: string;
    hostname: string;
    message: string;
    trap_oid?: string | null;
    syslog_severity: number | null;
    matched_rule_id: number | null;
    handling_decision: string | null;
    forwarded_to_moog: boolean;
    outcome: string;
}

export interface Key {
    id: number;
    name: string;
    scopes: string[];
    rate_limit: number | null;
    created_at: string;
    expires_at: string | null;
    revoked_at: string | null;
    last_used_at?: string | null;
}

export interface Letter {
    id: string;
    place: number;
    kind: 'event' | 'alert' | 'malformed';
    bytes: number;
    attempts: number;
    replays: number;
    event_id: string | null;
    correlation_id: string | null;
    received_at: string | null;
    failed_at: string | null;
    failed_reason: string | null;
    hostname: string | null;
    message: string | null;
}

export interface Letters {
    letters: Letter[];
    queue: string;
    looked_at: number;
    pagination: Pagination;
    next_cursor: string | null;
}

export interface LetterQueues {
    queues: { queue: string; key: string; depth: number;
        goes_back_to: string | null; oldest: Letter | null }[];
}

export interface Status {
    queues: { name: 'ingest' | 'alert' | 'alerter' | 'moog' | 'dead';
        depth: number; oldest: string | null }[];
    retry: { depth: number; next_at: number | null };
    breaker: { state: 'CLOSED' | 'HALF_OPEN' | 'OPEN'; failures: number;
        opened_at: number | null };
    workers: { kind: string; pod: string; held: number; alive: boolean }[];
}
