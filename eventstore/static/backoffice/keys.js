/* Keys for those who want them; "?" lists them, and they can be switched off there. */
'use strict';
{
    const STORED = 'backoffice.keys';
    const isOn = () => localStorage.getItem(STORED) !== 'off';
    const help = document.getElementById('keys');
    const follow = (selector) => {
        const link = document.querySelector(selector);
        if (link) {
            link.click();
        }
        return Boolean(link);
    };

    const focusOn = (selector) => {
        const field = document.querySelector(selector);
        if (field) {
            field.focus();
            field.scrollIntoView({block: 'nearest'});
        }
        return Boolean(field);
    };

    /* j and k: the next and the previous row; its first link has the focus. */
    const rows = () => [...document.querySelectorAll('[data-rows] tr[data-row]')];
    const here = () => {
        const focused = document.activeElement.closest('tr[data-row]');
        return rows().indexOf(focused);
    };
    const move = (step) => {
        const all = rows();
        const from = here();
        const next = all[from < 0 ? 0 : Math.min(Math.max(from + step, 0), all.length - 1)];
        if (next) {
            next.querySelector('a').focus();
            next.scrollIntoView({block: 'nearest'});
        }
        return Boolean(next);
    };
    /* The data of events is not in the page: the first look fetches that of all rows. */
    let expanded = new Document();
    const show = async (row) => {
        if (!expanded.getElementById(row.id)) {
            const url = new URL(window.location);
            url.searchParams.set('expand', '1');
            const answer = await fetch(url);
            const text = answer.ok ? await answer.text() : '';
            expanded = new DOMParser().parseFromString(text, 'text/html');
        }
        const data = expanded.getElementById(row.id)?.nextElementSibling;
        if (data && !row.nextElementSibling?.classList.contains('data')) {
            row.after(document.importNode(data, true));
        }
    };
    const expand = () => {
        const row = rows()[here()];
        if (!row || !row.closest('.log')) {
            return false;
        }
        const data = row.nextElementSibling;
        if (data?.classList.contains('data')) {
            data.hidden = !data.hidden;
        } else {
            show(row);
        }
        return true;
    };

    const keys = {
        j: () => move(1),
        k: () => move(-1),
        ' ': expand,
        n: () => follow('#content a[rel="next"]'),
        N: () => follow('#content a[rel="prev"]'),
        J: () => follow('#content a[rel="next"]'),
        K: () => follow('#content a[rel="prev"]'),
        '[': () => follow('a[data-testid="tt-previous"]'),
        ']': () => follow('a[data-testid="tt-next"]'),
        t: () => focusOn('#moment_time, #filter_around'),
        z: () => follow('.zone'),
        e: () => follow('[data-edit] > summary') && focusOn('[data-edit] a'),
        c: () => follow('[data-copy-link]:not([hidden])'),
        r: () => { window.location.reload(); return true; },
        '?': () => {
            /* Only keys that do something on this page. */
            help.querySelectorAll('[data-needs]').forEach((line) => {
                line.hidden = !document.querySelector(line.dataset.needs);
            });
            help.showModal();
            return true;
        },
    };
    const afterG = {};
    document.querySelectorAll('[data-go]').forEach((link) => {
        afterG[link.dataset.go] = () => { window.location.assign(link.href); return true; };
    });

    let isAfterG = false;
    document.addEventListener('keydown', (event) => {
        const elsewhere = event.target.closest('input, textarea, select, button, summary, dialog');
        if (elsewhere || event.ctrlKey || event.metaKey || event.altKey) {
            return;
        }
        if (!isOn() && event.key !== '?') {
            return;
        }
        const known = isAfterG ? afterG : keys;
        isAfterG = !isAfterG && event.key === 'g';
        if (Object.hasOwn(known, event.key) && known[event.key]()) {
            event.preventDefault();
        }
    });

    if (help) {
        help.addEventListener('close', () => document.activeElement.blur());
    }
    const choice = document.getElementById('keys-on');
    if (choice) {
        choice.checked = isOn();
        choice.addEventListener('change', () => {
            localStorage.setItem(STORED, choice.checked ? 'on' : 'off');
        });
    }
}
