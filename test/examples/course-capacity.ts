/**
 * Students subscribe to courses: no course takes more than its capacity, no student more than three courses. Both rules
 * hold at once, over facts of two entities, and no aggregate is locked: the decision's boundary is a query.
 */
import { connect, type FactstoreClient, type RecordedEvent } from 'factstore';

type CourseEvent =
  | { type: 'CourseDefined'; data: { courseId: string; capacity: number } }
  | { type: 'CourseCapacityChanged'; data: { courseId: string; capacity: number } }
  | { type: 'StudentSubscribed'; data: { courseId: string; studentId: string } };

const COURSES_PER_STUDENT_MAX = 3;

const courseTag = (courseId: string) => `course:${courseId}`;
const studentTag = (studentId: string) => `student:${studentId}`;

/** What the decision needs to know, out of all the events that it depends on. */
function model(events: readonly RecordedEvent<CourseEvent>[], courseId: string, studentId: string) {
  const known = { capacity: 0, subscribed: 0, coursesOfStudent: 0, already: false };
  for (const event of events) {
    if (event.type === 'StudentSubscribed') {
      const ofCourse = event.data.courseId === courseId;
      const ofStudent = event.data.studentId === studentId;
      if (ofCourse) known.subscribed++;
      if (ofStudent) known.coursesOfStudent++;
      if (ofCourse && ofStudent) known.already = true;
    } else known.capacity = event.data.capacity;
  }
  return known;
}

async function subscribe(db: FactstoreClient, courseId: string, studentId: string): Promise<string> {
  const query = [
    { types: ['CourseDefined', 'CourseCapacityChanged'], tags: [courseTag(courseId)] },
    { types: ['StudentSubscribed'], tags: [courseTag(courseId)] },
    { types: ['StudentSubscribed'], tags: [studentTag(studentId)] },
  ];
  let refusal = '';
  await db.decide<CourseEvent>(query, (events) => {
    const { capacity, subscribed, coursesOfStudent, already } = model(events, courseId, studentId);
    refusal = '';
    if (already) refusal = 'subscribed already';
    else if (subscribed >= capacity) refusal = 'the course is full';
    else if (coursesOfStudent >= COURSES_PER_STUDENT_MAX) refusal = 'the student has enough courses';
    if (refusal !== '') return undefined;
    const tags = [courseTag(courseId), studentTag(studentId)];
    const event = { type: 'StudentSubscribed' as const, data: { courseId, studentId }, tags };
    return [{ stream: `subscription-${studentId}-${courseId}`, expect: 'none', events: [event] }];
  });
  return refusal === '' ? 'subscribed' : refusal;
}

const db = await connect(process.env.FACTSTORE_URL ?? 'factstore://127.0.0.1:2113');
const courses = ['art', 'biology', 'chess', 'drama', 'economics'];
for (const courseId of courses) {
  const defined = { type: 'CourseDefined' as const, data: { courseId, capacity: 5 }, tags: [courseTag(courseId)] };
  await db.append<CourseEvent>(`course-${courseId}`, [defined], { expect: 'none' });
}

// 50 attempts at once: ten students want every course, so both rules are under pressure.
const attempts = courses.flatMap((courseId) => Array.from({ length: 10 }, (_, n) => subscribe(db, courseId, `s${n}`)));
const outcomes = new Map<string, number>();
for (const outcome of await Promise.all(attempts)) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
console.log(Object.fromEntries(outcomes));

for (const courseId of courses) {
  const taken = await db.query({ types: ['StudentSubscribed'], tags: [courseTag(courseId)] }).toArray();
  if (taken.length > 5) throw new Error(`${courseId} has ${taken.length} students`);
}
for (let n = 0; n < 10; n++) {
  const taken = await db.query({ types: ['StudentSubscribed'], tags: [studentTag(`s${n}`)] }).toArray();
  if (taken.length > COURSES_PER_STUDENT_MAX) throw new Error(`s${n} has ${taken.length} courses`);
}
await db.close();
