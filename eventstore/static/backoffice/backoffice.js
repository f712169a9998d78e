/* Nice-to-haves of the back office; every page works without them. */
'use strict';
{
    const all = (selector) => document.querySelectorAll(selector);

    /* "/" goes to the search field, Escape leaves it. */
    document.addEventListener('keydown', (event) => {
        const typing = event.target.closest('input, textarea, select, [contenteditable]');
        if (event.key === 'Escape') {
            all('details.choices[open]').forEach((menu) => {
                menu.open = false;
                menu.querySelector('summary').focus();
            });
            if (typing && typing.type === 'search') {
                typing.blur();
            }
            return;
        }
        if (event.key !== '/' || typing || event.ctrlKey || event.metaKey || event.altKey) {
            return;
        }
        const field = document.querySelector('[data-search]') ||
            document.getElementById('go-to');
        if (field) {
            event.preventDefault();
            field.focus();
            field.select();
        }
    });

    /* A menu closes when something else is clicked. */
    document.addEventListener('click', (event) => {
        all('details.choices[open]').forEach((menu) => {
            if (!menu.contains(event.target)) {
                menu.open = false;
            }
        });
    });

    /* Errors and conflicts are read first. */
    const first = document.querySelector('[data-focus]');
    if (first) {
        first.focus();
    }

    if (navigator.clipboard) {
        all('[data-copy], [data-copy-link]').forEach((button) => {
            const label = button.textContent;
            const link = button.dataset.copyLink; // empty for what the address says now
            button.hidden = false;
            button.addEventListener('click', async () => {
                const text = link === undefined ? button.dataset.copy :
                    new URL(link, window.location).href;
                await navigator.clipboard.writeText(text);
                button.textContent = button.dataset.done;
                setTimeout(() => { button.textContent = label; }, 1500);
            });
        });
    }

    all('[data-without-script]').forEach((element) => { element.hidden = true; });

    const read = async (url) => {
        const answer = await fetch(url, {credentials: 'same-origin'});
        if (!answer.ok || answer.redirected) {
            return null;
        }
        return new DOMParser().parseFromString(await answer.text(), 'text/html');
    };

    /* A read model that catches up says so without a reload: five looks, then no more. */
    const look = (seconds) => {
        const waiting = document.querySelector('#verdict[data-waits]');
        if (!waiting || seconds > 16) {
            return;
        }
        setTimeout(async () => {
            const page = await read(window.location.href);
            const fresh = page && page.getElementById('verdict');
            if (fresh) {
                waiting.replaceWith(document.adoptNode(fresh));
                look(seconds * 2);
            }
        }, seconds * 1000);
    };
    look(1);

    /* Time travel: the slider and its buttons move the address and the page's parts. */
    const slider = document.querySelector('[data-versions]');
    if (slider) {
        const said = document.getElementById('moment-said');
        let latest = 0;

        const words = () => {
            const option = slider.list &&
                slider.list.querySelector(`option[value="${slider.value}"]`);
            const version = slider.dataset.words
                .replace('{v}', slider.value).replace('{n}', slider.max);
            return option ? `${version}, ${option.label}` : version;
        };

        const show = async (url) => {
            const turn = ++latest;
            const page = await read(url);
            if (!page) {
                window.location.assign(url);
                return;
            }
            if (turn !== latest) {
                return; // a newer question was asked meanwhile
            }
            const focused = document.activeElement.dataset.testid;
            all('[data-swap]').forEach((part) => {
                const fresh = page.getElementById(part.id);
                if (fresh) {
                    part.replaceWith(document.adoptNode(fresh));
                }
            });
            for (const id of ['moment_at', 'moment_date', 'moment_time', 'moment_v']) {
                document.getElementById(id).value = page.getElementById(id).value;
            }
            const again = focused && document.querySelector(`[data-testid="${focused}"]`);
            if (again) {
                again.focus();
            }
            slider.setAttribute('aria-valuetext', words());
            said.textContent = words();
            reveal('nearest');
        };

        /* Beside the panel, which stays in view, the event that was last then. */
        const reveal = (block) => {
            const shown = document.querySelector('.chapter.is-shown');
            if (shown && window.matchMedia('(min-width: 1101px)').matches) {
                shown.scrollIntoView({block});
            }
        };
        if (!window.location.hash) {
            reveal('center');
        }

        const go = (url) => {
            window.history.pushState({}, '', url);
            show(url);
        };

        slider.addEventListener('input', () => {
            document.querySelector('output[for="moment_v"]').textContent = words();
            slider.setAttribute('aria-valuetext', words());
        });
        slider.addEventListener('change', () => go(`?v=${slider.value}`));
        document.addEventListener('click', (event) => {
            const step = event.target.closest('a[data-step]');
            if (step && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
                event.preventDefault();
                go(step.getAttribute('href'));
            }
        });
        window.addEventListener('popstate', () => show(window.location.href));
    }

    /* Django gives the two halves of a time one label between them. */
    all('.vDateField, .vTimeField').forEach((field) => {
        const label = field.closest('.form-row') &&
            field.closest('.form-row').querySelector('label, legend');
        if (label && !field.labels.length) {
            const half = (field.previousSibling.textContent || '').trim();
            field.setAttribute('aria-label', `${label.textContent.trim()} ${half}`);
        }
    });

    /* Of the strip of pages that a narrow screen has, the part with this one. */
    const here = document.querySelector('.strip [aria-current]');
    if (here) {
        here.parentNode.scrollLeft = here.offsetLeft - here.parentNode.offsetLeft - 40;
    }

    /* Django's widgets name spans, and have heads without a name; they are made on load. */
    window.addEventListener('load', () => {
        all('.help-tooltip[aria-label]').forEach((icon) => icon.setAttribute('role', 'img'));
        all('.tabular thead th').forEach((head) => {
            if (!head.textContent.trim()) {
                head.setAttribute('role', 'cell');
            }
        });
    });

    /* What a crontab means, beside the choice (celery-beat's form). */
    const meanings = document.getElementById('readable-crontabs');
    const crontab = document.getElementById('id_crontab');
    if (meanings && crontab) {
        const known = JSON.parse(meanings.textContent);
        const hint = document.createElement('div');
        hint.className = 'help';
        crontab.closest('.form-row').append(hint);
        const explain = () => { hint.textContent = known[crontab.value] || ''; };
        crontab.addEventListener('change', explain);
        explain();
    }
}
