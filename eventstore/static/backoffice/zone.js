/* Nobody chose a zone yet: the browser's is the first guess, and is asked about once. */
'use strict';
{
    const guess = Intl.DateTimeFormat().resolvedOptions().timeZone;

    const field = document.querySelector('select[data-zone]');
    if (field && [...field.options].some((each) => each.value === guess)) {
        field.value = guess;
    }

    const question = document.getElementById('zone-question');
    if (question && !field && guess && guess.includes('/')) {
        question.querySelector('p').textContent =
            question.dataset.words.replace('{z}', guess);
        question.querySelector('[data-guess]').value = guess;
        question.hidden = false;
    }
}
