// Fields with their labels, and what is wrong with them.

import type { ComponentChildren, JSX } from 'preact';
import { useId, useState } from 'preact/hooks';

import { useNarrow } from '../lib/narrow';

interface FieldProps {
    label: string;
    hint?: ComponentChildren;
    error?: string | undefined;
    children: (attributes: { id: string; 'aria-describedby'?: string;
        'aria-invalid'?: boolean }) => JSX.Element;
    class?: string;
}

export function Field(props: FieldProps): JSX.Element {
    const id = useId();
    const note = props.error ?? props.hint;

    return (
        <div class={`field ${props.class ?? ''}`}>
            <label for={id}>{props.label}</label>
            {props.children({ id,
                ...(note !== undefined && { 'aria-describedby': `${id}-note` }),
                ...(props.error !== undefined && { 'aria-invalid': true }) })}
            {note !== undefined && <p id={`${id}-note`}
                class={props.error === undefined ? 'hint' : 'wrong'}>{note}</p>}
        </div>
    );
}

interface TextProps {
    label: string;
    value: string;
    onInput: (value: string) => void;
    hint?: ComponentChildren;
    error?: string | undefined;
    type?: 'text' | 'password' | 'search' | 'number' | 'datetime-local';
    placeholder?: string;
    mono?: boolean;
    rows?: number;
    autofocus?: boolean;
    required?: boolean;
    list?: readonly string[];
    class?: string;
    search?: boolean;
    maxLength?: number;
    autocomplete?: string;
}

export function Text(props: TextProps): JSX.Element {
    const list = useId();
    const common = {
        value: props.value, placeholder: props.placeholder,
        required: props.required, spellcheck: false,
        maxLength: props.maxLength,
        autocomplete: props.autocomplete ?? 'off',
        class: props.mono === true ? 'mono' : '',
        'data-search': props.search === true ? '' : undefined,
        'data-autofocus': props.autofocus === true ? '' : undefined,
    };

    return (
        <Field label={props.label} hint={props.hint} error={props.error}
            class={`${props.class ?? ''} ${props.type ?? ''}`}>
            {attributes => props.rows !== undefined
                ? <textarea {...common} {...attributes} rows={props.rows}
                    onInput={e => props.onInput(e.currentTarget.value)} />
                : <>
                    <input {...common} {...attributes}
                        {...{ type: props.type ?? 'text' } as { type: 'text' }}
                        list={props.list === undefined ? undefined : list}
                        step={props.type === 'datetime-local' ? 1 : undefined}
                        onInput={e => props.onInput(e.currentTarget.value)} />
                    {props.list !== undefined && <datalist id={list}>
                        {props.list.map(value =>
                            <option key={value} value={value} />)}
                    </datalist>}
                </>}
        </Field>
    );
}

export function Choice(props: { label: string; value: string;
    options: readonly (string | readonly [string, string])[];
    onInput: (value: string) => void; hint?: ComponentChildren;
    error?: string | undefined; class?: string }): JSX.Element {
    return (
        <Field label={props.label} hint={props.hint} error={props.error}
            class={props.class ?? ''}>
            {attributes => (
                <select {...attributes} value={props.value}
                    onInput={e => props.onInput(e.currentTarget.value)}>
                    {props.options.map(option => {
                        const [value, text] = typeof option === 'string'
                            ? [option, option] : option;

                        return <option key={value} value={value}
                            selected={value === props.value}>{text}</option>;
                    })}
                </select>
            )}
        </Field>
    );
}

export function Check(props: { label: string; checked: boolean;
    onInput: (checked: boolean) => void }): JSX.Element {
    return (
        <label class="check">
            <input type="checkbox" checked={props.checked}
                onInput={e => props.onInput(e.currentTarget.checked)} />
            <span>{props.label}</span>
        </label>
    );
}

export function Switch(props: { label: string; checked: boolean;
    disabled?: boolean; onChange: (checked: boolean) => void }): JSX.Element {
    return (
        <button type="button" role="switch" class="switch"
            aria-checked={props.checked} aria-label={props.label}
            title={props.label} disabled={props.disabled}
            onClick={() => props.onChange(!props.checked)}><i /></button>
    );
}

/* What narrows a list down; folded away where there is little width. */
export function Filters({ set, children }: { set: number;
    children: ComponentChildren }): JSX.Element {
    const narrow = useNarrow();
    const [open, setOpen] = useState(false);

    return (
        <form class="filters" onSubmit={e => e.preventDefault()}>
            {narrow && <button type="button" class="button fold"
                aria-expanded={open} onClick={() => setOpen(!open)}>
                Filters{set > 0 && <b class="count">{set}</b>}</button>}
            {(!narrow || open) && children}
        </form>
    );
}
